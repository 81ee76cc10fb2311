import { expect, test } from "vitest";
import { fromBase64url, toBase64url } from "../bytes.ts";
import { openAtRest, sealAtRest, type Place } from "./at-rest.ts";

let next = 0;
const random = (count: number) => new Uint8Array(count).map(() => next++ % 256);
const key = { id: "k1", key: random(32) };
const place: Place = { table: "repository_credentials", row: "r1/write", column: "sealed", version: 3 };

test("a sealed value opens at its own place under its own key", () => {
  const sealed = sealAtRest(key, place, "correct horse", random);
  expect(sealed).not.toContain("correct");
  expect(openAtRest([key], place, sealed)).toBe("correct horse");
});

test("an older key still opens what it sealed", () => {
  const sealed = sealAtRest(key, place, "correct horse", random);
  expect(openAtRest([{ id: "k2", key: random(32) }, key], place, sealed)).toBe("correct horse");
  expect(openAtRest([{ id: "k1", key: random(32) }], place, sealed)).toBeNull();
});

test.each([
  { ...place, table: "enrollment_tokens" },
  { ...place, row: "r2/write" },
  { ...place, column: "other" },
  { ...place, version: 2 },
])("a value moved to another place does not open", (moved) => {
  expect(openAtRest([key], moved, sealAtRest(key, place, "correct horse", random))).toBeNull();
});

test("no changed byte and no shortened value opens", () => {
  const sealed = sealAtRest(key, place, "correct horse", random);
  const [form, id, nonce, ct] = sealed.split(".") as [string, string, string, string];
  for (const [index, part] of [nonce, ct].entries()) {
    const bytes = fromBase64url(part)!;
    for (let i = 0; i < bytes.length; i++) {
      const flipped = Uint8Array.from(bytes);
      flipped[i]! ^= 1;
      const parts = index === 0 ? [form, id, toBase64url(flipped), ct] : [form, id, nonce, toBase64url(flipped)];
      expect(openAtRest([key], place, parts.join("."))).toBeNull();
    }
  }
  for (let length = 0; length < sealed.length; length++)
    expect(openAtRest([key], place, sealed.slice(0, length))).toBeNull();
});
