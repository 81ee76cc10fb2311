import { expect, test } from "vitest";
import { twinFinder } from "./twin-name.ts";

test.each([
  ["another case", "WEB-1"],
  ["a trailing dot", "web-1."],
  ["spaces around it", " web-1  "],
  ["a Cyrillic letter", "w\u0435b-1"],
  ["full-width letters", "\uff57\uff45\uff42-1"],
  ["a letter for a digit", "web-l"],
  ["another dash", "web\u20111"],
  ["an invisible space", "web\u200b-1"],
  ["an accent", "w\u00e9b-1"],
])("a name with %s is a twin", (_what, name) => {
  expect(twinFinder([{ name }, { name: "db-1" }])("web-1")).toEqual([{ name }]);
});

test("zero and the letter O look alike in either case, and so do rn and m", () => {
  expect(twinFinder([{ name: "db-o" }, { name: "DB-O" }, { name: "db-1" }])("db-0")).toHaveLength(2);
  expect(twinFinder([{ name: "modem" }])("modern")).toHaveLength(1);
});

test("names that people can tell apart are no twins", () => {
  const others = ["web-2", "web-11", "web1", "web-1.example", ""].map((name) => ({ name }));
  expect(twinFinder(others)("web-1")).toEqual([]);
});
