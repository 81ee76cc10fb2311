import { decodeCursor, encodeCursor, type CursorKey, type CursorKind } from "../core/cursor.ts";
import type { Page } from "../protocol/api.ts";
import { fail, ok, type Result } from "../protocol/failure.ts";

/** The key after which a page begins; null for the first page. A cursor of another list is refused. */
export function readAfter<const K extends readonly CursorKind[]>(
  after: string | undefined,
  kinds: K,
): Result<CursorKey<K> | null> {
  if (after === undefined) return ok(null);
  const key = decodeCursor(after, kinds);
  return key ? ok(key) : fail("request.invalid", "after: use the `next` of an earlier page of this same list.");
}

/** A page of `limit` items out of up to `limit + 1` rows: the row too many only says that there is a next page. */
export function pageOfRows<Row, Item>(
  rows: readonly Row[],
  limit: number,
  itemOf: (row: Row) => Item,
  keyOf: (row: Row) => readonly (string | number)[],
): Page<Item> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const page: Page<Item> = { items: shown.map(itemOf) };
  if (rows.length > limit && last !== undefined) page.next = encodeCursor(keyOf(last));
  return page;
}
