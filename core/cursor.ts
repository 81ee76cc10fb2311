import { bytesToUtf8 } from "@noble/ciphers/utils.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";
import { fromBase64url, toBase64url } from "./bytes.ts";

/** What a page is ordered by, column by column. */
export type CursorKind = "text" | "integer";
export type CursorKey<K extends readonly CursorKind[]> = { [I in keyof K]: K[I] extends "text" ? string : number };

/** The cursor that stands behind a row: its sort key, opaque to clients. */
export function encodeCursor(key: readonly (string | number)[]): string {
  return toBase64url(utf8ToBytes(JSON.stringify(key)));
}

/** The sort key inside a cursor; null for a text that `encodeCursor` did not make of such a key. */
export function decodeCursor<const K extends readonly CursorKind[]>(cursor: string, kinds: K): CursorKey<K> | null {
  const bytes = fromBase64url(cursor);
  if (!bytes) return null;
  try {
    const key: unknown = JSON.parse(bytesToUtf8(bytes));
    if (!Array.isArray(key) || key.length !== kinds.length) return null;
    const fits = kinds.every((kind, i) =>
      kind === "text" ? typeof key[i] === "string" : Number.isSafeInteger(key[i]),
    );
    return fits ? (key as unknown as CursorKey<K>) : null;
  } catch {
    return null;
  }
}
