import fc from "fast-check";
import { expect, test } from "vitest";
import { kibOf, limitText, mibText } from "./mib-rate.ts";

test("what is shown in MiB/s reads back as the same KiB/s", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 * 1024 * 1024 }), (kib) => {
      expect(kibOf(mibText(kib))).toBe(kib);
    }),
  );
  expect(mibText(102_400)).toBe("100");
  expect(limitText(1536)).toBe("1.5 MiB/s");
});

test("an empty field is no limit, and what is no number is told apart", () => {
  expect(kibOf("  ")).toBeUndefined();
  expect(kibOf("0.5")).toBe(512);
  for (const text of ["fast", "1,5", "1e9", "0x10", "1.", "5 MiB"]) expect(kibOf(text)).toBeNull();
});
