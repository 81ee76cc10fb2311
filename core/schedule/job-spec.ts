import { DAY_MS } from "./day.ts";
import type { JobSpec, WireSchedule } from "../../protocol/wire.ts";
import { nextFire } from "./next-fire.ts";

/** The most parts that a check divides the data into (restic's n/t, and checkSpecSchema). */
const MAX_PARTS = 256;
/** Fires are counted from here, so that a schedule always has the same number of parts: a Monday. */
const COUNT_FROM_MS = Date.UTC(2024, 0, 1);

/** What a fire of a schedule runs; a run that was asked for differs by its overrides alone. */
export function specOfSchedule(schedule: WireSchedule): JobSpec {
  const { id: scheduleId, repositoryId, limits } = schedule;
  if (schedule.kind === "check") {
    const { readData } = schedule;
    return {
      kind: "check",
      repositoryId,
      scheduleId,
      readData: readData.mode === "rotate" ? { mode: "rotate", of: partsOf(schedule, readData.days) } : readData,
      limits,
    };
  }
  const { paths, excludes, tags, createRepository, fsSnapshot, hooks } = schedule;
  return {
    kind: "backup",
    repositoryId,
    scheduleId,
    paths,
    excludes,
    tags,
    createRepository,
    verbose: false,
    limits,
    ...(fsSnapshot === undefined ? {} : { fsSnapshot }),
    ...(hooks && { hooks }),
  };
}

/** How many checks there are in so many days: each reads one part. A manual one counts the days as runs. */
function partsOf({ manual, cron, timeZone }: WireSchedule, days: number): number {
  if (manual || cron === undefined || timeZone === undefined) return Math.min(days, MAX_PARTS);
  const untilMs = COUNT_FROM_MS + days * DAY_MS;
  let parts = 0;
  for (let at = COUNT_FROM_MS - 1; parts < MAX_PARTS; parts++) {
    const next = nextFire({ cron, timeZone }, at);
    if (next === null || next >= untilMs) break;
    at = next;
  }
  return Math.max(parts, 1);
}
