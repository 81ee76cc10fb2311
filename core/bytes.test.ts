import fc from "fast-check";
import { expect, test } from "vitest";
import { fromBase64url, toBase64url } from "./bytes.ts";

test("bytes survive base64url and agree with Node's own", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const text = toBase64url(bytes);
      expect(text).toBe(Buffer.from(bytes).toString("base64url"));
      expect(fromBase64url(text)).toEqual(new Uint8Array(bytes));
    }),
  );
});

test.each(["=", "AA==", "A", "a b", "a+b/", "AB", "AAB"])("%s is not base64url", (text) => {
  expect(fromBase64url(text)).toBeNull();
});
