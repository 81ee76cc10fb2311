import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { bytesToUtf8 } from "@noble/ciphers/utils.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";
import { fromBase64url, toBase64url } from "../bytes.ts";
import type { RandomBytes } from "../ids.ts";

/** Where a sealed value lives: moving it to another row, column or version makes it unreadable. */
export interface Place {
  table: string;
  row: string;
  column: string;
  version: number;
}

/** A 32-byte key and the short name by which sealed values refer to it. */
export interface SealKey {
  id: string;
  key: Uint8Array;
}

function associated(keyId: string, place: Place): Uint8Array {
  return utf8ToBytes(["rm-at-rest-1", keyId, place.table, place.row, place.column, String(place.version)].join("\n"));
}

/** XChaCha20-Poly1305 under `key`, bound to `place`: the text `rm1.<keyId>.<nonce>.<ciphertext>`. */
export function sealAtRest(key: SealKey, place: Place, plaintext: string, random: RandomBytes): string {
  const nonce = random(24);
  const ct = xchacha20poly1305(key.key, nonce, associated(key.id, place)).encrypt(utf8ToBytes(plaintext));
  return `rm1.${key.id}.${toBase64url(nonce)}.${toBase64url(ct)}`;
}

/** The plaintext, or null when the value was not sealed under one of `keys` for exactly this place. */
export function openAtRest(keys: readonly SealKey[], place: Place, sealed: string): string | null {
  const [form, keyId, nonceText, ctText, ...rest] = sealed.split(".");
  if (form !== "rm1" || rest.length > 0 || nonceText === undefined || ctText === undefined) return null;
  const key = keys.find((k) => k.id === keyId);
  const nonce = fromBase64url(nonceText);
  const ct = fromBase64url(ctText);
  if (!key || !nonce || nonce.length !== 24 || !ct || ct.length < 16) return null;
  try {
    return bytesToUtf8(xchacha20poly1305(key.key, nonce, associated(key.id, place)).decrypt(ct));
  } catch {
    return null;
  }
}
