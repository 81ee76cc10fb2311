import { expect, test } from "vitest";
import type { ScheduleInput } from "../../protocol/schedule.ts";
import { changesOf, draftOf, newDraft, readDraft, readKeep, type ScheduleDraft } from "./schedule-draft.ts";

const REPOSITORY = "018f0000-0000-7000-8000-000000000900";
const good: ScheduleDraft = { ...newDraft(REPOSITORY, "Europe/Berlin"), name: "nightly", paths: "/srv\n/etc" };
const errorsOf = (change: Partial<ScheduleDraft>) => readDraft({ ...good, ...change }).errors ?? {};

test("a schedule shown in the editor and read back is the same schedule", () => {
  const common = {
    name: "nightly",
    repositoryId: REPOSITORY,
    enabled: true,
    manual: false,
    cron: "30 13 * * 1-5",
    timeZone: "Asia/Kathmandu",
    spreadMinutes: 7,
    catchUp: "skip",
    limits: { uploadKiBs: 1536, downloadKiBs: 1 },
  } as const;
  const schedules: ScheduleInput[] = [
    {
      ...common,
      kind: "backup",
      paths: ["/srv", "C:\\Data"],
      excludes: ["**/.cache"],
      tags: ["a", "b"],
      fsSnapshot: false,
      retention: { keep: { last: 3, yearly: 2, within: "1y6m", tags: ["pinned"] }, when: "forget_schedule" },
    },
    { ...common, kind: "check", readData: { mode: "rotate", days: 30 } },
    { ...common, kind: "prune" },
  ];
  for (const schedule of schedules) expect(readDraft(draftOf(schedule, "UTC")).input).toEqual(schedule);
});

test("a manual schedule has no cron, however the hidden field reads", () => {
  const { input } = readDraft({ ...good, manual: true, cron: "nonsense" });
  expect(input).toMatchObject({ manual: true });
  expect(input).not.toHaveProperty("cron");
});

test("what is wrong is said beside its field, with the line it is in", () => {
  expect(errorsOf({ cron: "0 30 13 * * *" }).cron).toMatch(/^The cron has no field for seconds/);
  expect(errorsOf({ cron: "whenever" })).toHaveProperty("cron");
  expect(errorsOf({ timeZone: "Mars/Olympus" }).timeZone).toMatch(/^This is not a known time zone/);
  expect(errorsOf({ paths: "/srv\nsrv" }).paths).toMatch(/^“srv” must be an absolute path/);
  expect(errorsOf({ paths: "/a\u0000b" }).paths).toBe("“/a\u2400b” must not contain control characters.");
  expect(errorsOf({ paths: Array.from({ length: 10_000 }, (_, i) => `/${i}`).join("\n") })).toHaveProperty("paths");
  expect(errorsOf({ excludes: "a\tb" })).toHaveProperty("excludes");
  expect(errorsOf({ spreadMinutes: "2000" }).spreadMinutes).toBe("Must be 0 to 1,440 minutes.");
  expect(errorsOf({ upload: "fast" }).upload).toMatch(/leave it empty for no limit/);
  expect(errorsOf({ upload: "0" })).toHaveProperty("upload");
  expect(errorsOf({ name: " ", tags: "-x" })).toMatchObject({ name: expect.any(String), tags: expect.any(String) });
  for (const value of ["0", "-1", "1000000000", "1e9"]) expect(errorsOf({ daily: value })).toHaveProperty("daily");
  expect(errorsOf({ daily: "", weekly: "", monthly: "" }).keep).toMatch(/at least one rule/);
});

test("rules are previewed only while all of them can be read", () => {
  expect(readKeep(good)).toEqual({ daily: 7, weekly: 5, monthly: 12 });
  expect(readKeep({ ...good, daily: "x" })).toBeNull();
  expect(readKeep({ ...good, retains: false })).toBeNull();
});

test("changes are listed by what the person sees, and what is hidden does not count", () => {
  const changed = { ...good, daily: "14", paths: "/srv\n/home", enabled: false, upload: "1.5" };
  expect(changesOf(good, changed)).toEqual([
    { label: "Schedule", before: "on", after: "off" },
    { label: "Paths", before: "", after: "1 added, 1 removed" },
    { label: "Daily", before: "7", after: "14" },
    { label: "Upload", before: "none", after: "1.5 MiB/s" },
  ]);
  expect(changesOf({ ...good, manual: true }, { ...good, manual: true, cron: "0 0 1 1 *" })).toEqual([]);
  expect(changesOf(good, { ...good })).toEqual([]);
});
