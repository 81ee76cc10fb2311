import { expect, test } from "vitest";
import { uuidv7, type RandomBytes } from "./ids.ts";

const zeros: RandomBytes = (count) => new Uint8Array(count);
const ones: RandomBytes = (count) => new Uint8Array(count).fill(255);

test("a UUIDv7 carries its millisecond, its version and its variant", () => {
  // RFC 9562 appendix A.6 gives 017F22E2-79B0-7… for this instant.
  expect(uuidv7(1645557742000, zeros)).toBe("017f22e2-79b0-7000-8000-000000000000");
  expect(uuidv7(1645557742000, ones)).toBe("017f22e2-79b0-7fff-bfff-ffffffffffff");
});

test("later UUIDv7s sort after earlier ones whatever their random part", () => {
  expect(uuidv7(1000, ones) < uuidv7(1001, zeros)).toBe(true);
});
