import { DAY_MS } from "./day.ts";
import { expect, test } from "vitest";
import type { ScheduleRuns } from "../hosts/after-verdict.ts";
import { hostDue, lateAtMs, scheduleLate, type TimedSchedule } from "./late.ts";
import { spreadMs } from "./spread.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** A Friday. */
const noon = Date.UTC(2026, 4, 1, 12);
const daily: TimedSchedule = {
  id: "01890a5d-ac96-774b-bcce-b302099a8057",
  kind: "backup",
  enabled: true,
  manual: false,
  cron: "0 12 * * *",
  timeZone: "UTC",
  spreadMinutes: 0,
  timedAtMs: noon - 30 * DAY_MS,
};
const ran = (atMs: number): ScheduleRuns => ({ [daily.id]: [atMs, "succeeded", "job", atMs] });

test("late is overdue by a quarter of an hour or a tenth of the interval, whichever is more", () => {
  expect(lateAtMs(noon, MINUTE_MS)).toBe(noon + 15 * MINUTE_MS);
  expect(lateAtMs(noon, 150 * MINUTE_MS)).toBe(noon + 15 * MINUTE_MS);
  expect(lateAtMs(noon, DAY_MS)).toBe(noon + 144 * MINUTE_MS);
});

test("a daily backup that is not met is late 2 h 24 min after its time, to the millisecond", () => {
  const lastGoodMs = noon - DAY_MS + 10 * MINUTE_MS;
  const lateMs = noon + 144 * MINUTE_MS;
  expect(scheduleLate(daily, lastGoodMs, lateMs - 1)).toBe(false);
  expect(scheduleLate(daily, lastGoodMs, lateMs)).toBe(true);
  expect(hostDue([daily], ran(lastGoodMs), noon)).toMatchObject({ nextDueAtMs: noon, protectedUntilMs: lateMs });
});

test("the spread belongs to the moment at which a backup is due", () => {
  const spread = { ...daily, spreadMinutes: 60 };
  const dueMs = noon + spreadMs(daily.id, 60);
  expect(hostDue([spread], ran(noon - DAY_MS + HOUR_MS), noon).nextDueAtMs).toBe(dueMs);
  // A run by hand between the nominal time and the moment does not stand for the fire that is still to come.
  expect(hostDue([spread], ran(dueMs - 1000), noon).nextDueAtMs).toBe(dueMs);
});

test("a schedule that never ran counts from when its times were set, and asks nothing of the time before it", () => {
  const edited = { ...daily, timedAtMs: noon - HOUR_MS };
  expect(hostDue([edited], {}, noon).nextDueAtMs).toBe(noon);
  expect(hostDue([edited], ran(noon - 20 * DAY_MS), noon).nextDueAtMs).toBe(noon);
  expect(hostDue([daily], ran(noon - 20 * DAY_MS), noon).nextDueAtMs).toBe(noon - 19 * DAY_MS);
});

test("a failed run does not meet what was due", () => {
  const runs: ScheduleRuns = { [daily.id]: [noon + 1, "failed", "job", noon - DAY_MS] };
  expect(hostDue([daily], runs, noon + 1).nextDueAtMs).toBe(noon);
});

test("the first of a host's backups decides", () => {
  const hourly = { ...daily, id: "01890a5d-ac96-774b-bcce-b302099a8058", cron: "0 * * * *" };
  const runs: ScheduleRuns = { ...ran(noon + 1), [hourly.id]: [noon + 1, "succeeded", "job", noon + 1] };
  expect(hostDue([daily, hourly], runs, noon + 1)).toMatchObject({
    nextDueAtMs: noon + HOUR_MS,
    protectedUntilMs: noon + 75 * MINUTE_MS,
  });
});

test("only backups that fire by themselves count for the host", () => {
  const none = { nextDueAtMs: null, protectedUntilMs: null, plannedSinceMs: null };
  for (const change of [{ enabled: false }, { manual: true }, { kind: "check" }, { cron: null }] as const)
    expect(hostDue([{ ...daily, ...change }], {}, noon)).toEqual(none);
  expect(hostDue([], {}, noon)).toEqual(none);
});

test("a check can be late on its own; what the server fires cannot", () => {
  const long = noon + 10 * DAY_MS;
  expect(scheduleLate({ ...daily, kind: "check" }, noon, long)).toBe(true);
  expect(scheduleLate({ ...daily, kind: "forget" }, noon, long)).toBe(false);
  expect(scheduleLate({ ...daily, enabled: false }, noon, long)).toBe(false);
});

test("a backup is planned daily when no day of the week goes without", () => {
  const plannedSince = (cron: string) => hostDue([{ ...daily, cron }], {}, noon).plannedSinceMs;
  expect(plannedSince("0 12 * * *")).toBe(daily.timedAtMs);
  expect(plannedSince("0 */6 * * *")).toBe(daily.timedAtMs);
  expect(plannedSince("0 12 * * 1-5")).toBeNull();
  expect(plannedSince("0 12 */2 * *")).toBeNull();
});

test("a daily backup in a zone that puts its clock back stays daily", () => {
  const berlin = { ...daily, cron: "30 2 * * *", timeZone: "Europe/Berlin" };
  expect(hostDue([berlin], {}, Date.UTC(2026, 9, 24)).plannedSinceMs).toBe(daily.timedAtMs);
});
