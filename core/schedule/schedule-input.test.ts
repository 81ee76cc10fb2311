import * as v from "valibot";
import { expect, test } from "vitest";
import { scheduleEdit, scheduleInput } from "./schedule-input.ts";

const repositoryId = "01890a5d-ac96-774b-bcce-b302099a8057";
const good = {
  kind: "backup",
  name: "Nightly",
  repositoryId,
  enabled: true,
  manual: false,
  cron: "30 13 * * *",
  timeZone: "Europe/Berlin",
  paths: ["/srv"],
};

/** Field by field what is wrong with an input. */
function issues(input: unknown, schema: typeof scheduleInput | typeof scheduleEdit = scheduleInput) {
  const parsed = v.safeParse(schema, input);
  return parsed.success ? [] : parsed.issues.map((issue) => [v.getDotPath(issue), issue.message] as const);
}
const fields = (input: unknown) => issues(input).map(([field]) => field);

test("a schedule is read with its defaults", () => {
  expect(v.parse(scheduleInput, good)).toEqual({
    ...good,
    excludes: [],
    tags: [],
    retention: null,
    spreadMinutes: 0,
    catchUp: "once",
    limits: {},
  });
});

test.for([
  ["a cron of nonsense", { cron: "nonsense" }, "cron"],
  ["a cron with seconds", { cron: "0 30 13 * * *" }, "cron"],
  ["a cron by name", { cron: "@daily" }, "cron"],
  ["a blank cron", { cron: " " }, "cron"],
  ["a long cron", { cron: "1".repeat(300) }, "cron"],
  ["no cron", { cron: undefined }, "cron"],
  ["a cron that is a number", { cron: 5 }, "cron"],
  ["an unknown zone", { timeZone: "Mars/Olympus" }, "timeZone"],
  ["no zone", { timeZone: undefined }, "timeZone"],
  ["an empty zone", { timeZone: "" }, "timeZone"],
  ["a wrong cron of a manual schedule", { manual: true, cron: "nonsense" }, "cron"],
  ["no path", { paths: [] }, "paths"],
  ["10,000 paths", { paths: Array.from({ length: 10_000 }, (_, i) => `/${i}`) }, "paths"],
  ["over 64 KiB of paths", { paths: Array.from({ length: 500 }, (_, i) => `/${i}/${"x".repeat(200)}`) }, "paths"],
  ["a newline in a path", { paths: ["/a\nb"] }, "paths.0"],
  ["NUL in a path", { paths: ["/a\u0000b"] }, "paths.0"],
  ["a newline in an exclude", { excludes: ["a\nb"] }, "excludes.0"],
  ["NUL in an exclude", { excludes: ["a\u0000b"] }, "excludes.0"],
  ["a tag of ours", { tags: ["a", "rm:schedule:x"] }, "tags.1"],
  [
    "a tag of ours among what is kept",
    { retention: { keep: { tags: [" rm:x"] }, when: "after_backup" } },
    "retention.keep.tags.0",
  ],
  ["a retention of zero", { retention: { keep: { last: 0 }, when: "after_backup" } }, "retention.keep.last"],
  ["a retention of -1", { retention: { keep: { daily: -1 }, when: "after_backup" } }, "retention.keep.daily"],
  ["a retention of 1e9", { retention: { keep: { yearly: 1e9 }, when: "after_backup" } }, "retention.keep.yearly"],
  ["a retention without rules", { retention: { keep: {}, when: "after_backup" } }, "retention.keep"],
  ["an unknown field", { hooks: {} }, "hooks"],
] as const)("%s is refused at its field, once", ([, change, field]) => {
  expect(fields({ ...good, ...change })).toEqual([field]);
});

test("a form with several mistakes hears of all of them at once", () => {
  expect(fields({ ...good, name: "", cron: "61 * * * *", timeZone: "Mars", paths: ["srv"] }).toSorted()).toEqual([
    "cron",
    "name",
    "paths.0",
    "timeZone",
  ]);
});

test("a manual schedule needs neither cron nor zone", () => {
  expect(issues({ ...good, manual: true, cron: undefined, timeZone: undefined })).toEqual([]);
});

test("every kind is held to its cron, and an edit as well", () => {
  const { paths: _, ...common } = good;
  for (const kind of ["forget", "prune"]) expect(fields({ ...common, kind, cron: "x" })).toEqual(["cron"]);
  expect(fields({ ...common, kind: "check", readData: { mode: "none" }, cron: "x" })).toEqual(["cron"]);
  expect(issues({ ...good, version: 3 }, scheduleEdit)).toEqual([]);
  expect(issues({ ...good, version: 3, cron: "x" }, scheduleEdit).map(([field]) => field)).toEqual(["cron"]);
});

test("what is no schedule at all is refused without a crash", () => {
  for (const input of [null, undefined, 5, "x", [], {}, { kind: "x" }, { kind: "backup", paths: 7 }])
    expect(v.safeParse(scheduleInput, input).success).toBe(false);
});
