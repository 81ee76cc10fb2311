import { expect, test } from "vitest";
import { countOf, sizeChangeText, sizeText } from "./size.ts";

test("sizes are binary with three significant figures and no trailing zeros", () => {
  const said = [0, 512, 999, 1000, 1024, 88_080_384, 5_299_667_843_154, 1_098_437_885_952].map(sizeText);
  expect(said).toEqual(["0 B", "512 B", "999 B", "0.98 KiB", "1 KiB", "84 MiB", "4.82 TiB", "1 TiB"]);
});

test("a change always carries its sign", () => {
  expect(sizeChangeText(0)).toBe("+0 B");
  expect(sizeChangeText(-120_259_084_288)).toBe("\u2212112 GiB");
});

test("counts take separators and the plural", () => {
  expect(countOf(1, "host")).toBe("1 host");
  expect(countOf(1_285_204, "file")).toBe("1,285,204 files");
});
