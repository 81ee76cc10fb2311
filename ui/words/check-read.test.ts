import { expect, test } from "vitest";
import { readText } from "./check-read.ts";

test("restic's words for a subset are said as a part of the data", () => {
  expect(["none", "all", "10%", "3/30"].map(readText)).toEqual([
    "structure only",
    "all data read",
    "10 % of the data read",
    "part 3 of 30 of the data read",
  ]);
});
