import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeCursor, encodeCursor } from "./cursor.ts";

test("a cursor comes back as the key it was made of", () => {
  fc.assert(
    fc.property(fc.integer(), fc.string({ unit: "grapheme" }), (n, text) => {
      expect(decodeCursor(encodeCursor([n, text]), ["integer", "text"])).toEqual([n, text]);
    }),
  );
});

test.each([
  "",
  "?",
  "bnVsbA",
  encodeCursor([1]),
  encodeCursor(["1", "a"]),
  encodeCursor([1.5, "a"]),
  encodeCursor([1, "a", 2]),
])("%j is no cursor of a number and a text", (cursor) => {
  expect(decodeCursor(cursor, ["integer", "text"])).toBeNull();
});
