import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { removeFolder, temporaryFolder } from "../../tests/support/folders.ts";
import { keepPart, nextPart } from "./rotation.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = temporaryFolder("rotation");
  file = join(folder, "checks.json");
});
afterEach(() => removeFolder(folder));

test("each part comes once, then the first again; repositories and divisions do not disturb each other", () => {
  const parts: number[] = [];
  for (let i = 0; i < 4; i++) {
    parts.push(nextPart(file, "one", 3));
    keepPart(file, "one", 3, parts.at(-1)!);
    keepPart(file, "one", 30, 7);
    keepPart(file, "two", 3, 3);
  }
  expect(parts).toEqual([1, 2, 3, 1]);
  expect(nextPart(file, "one", 30)).toBe(8);
  expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({ one: { 3: 1, 30: 7 }, two: { 3: 3 } });
});

test("a damaged file begins anew, and a folder that is gone costs the memory, not the check", () => {
  writeFileSync(file, "{");
  expect(nextPart(file, "one", 3)).toBe(1);
  expect(() => keepPart(join(folder, "gone", "checks.json"), "one", 3, 1)).not.toThrow();
});
