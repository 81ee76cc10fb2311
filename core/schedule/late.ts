import type { ScheduleRuns } from "../hosts/after-verdict.ts";
import { DAY_MS } from "./day.ts";
import { LATE_GRACE_MS, LATE_GRACE_SHARE } from "../../protocol/limits.ts";
import { HOST_FIRED, type ScheduleKind } from "../../protocol/schedule.ts";
import { nextFire, type Timing } from "./next-fire.ts";
import { spreadMs } from "./spread.ts";

/** A day on which the clock is put back has 25 hours. */
const LONG_DAY_MS = 25 * 3600_000;

/** What of a schedule decides whether it is late. */
export interface TimedSchedule {
  readonly id: string;
  readonly kind: ScheduleKind;
  readonly enabled: boolean;
  readonly manual: boolean;
  readonly cron?: string | null | undefined;
  readonly timeZone?: string | null | undefined;
  readonly spreadMinutes: number;
  /** When cron, zone, spread, `enabled` or `manual` last changed: another edit moves nothing that is due. */
  readonly timedAtMs: number;
}

export interface HostDue {
  /** When the first of its backups is due; in the past when it is overdue. */
  readonly nextDueAtMs: number | null;
  /** When the first of them is late; null without a backup schedule that has a cron. */
  readonly protectedUntilMs: number | null;
  /**
   * Since when a backup is planned at least once a day. An edit of its times moves it: keep an older one for as long as this is not
   * null.
   */
  readonly plannedSinceMs: number | null;
}

/** When a fire that was due is late: overdue by more than a quarter of an hour and a tenth of its interval. */
export function lateAtMs(dueMs: number, intervalMs: number): number {
  return dueMs + Math.max(LATE_GRACE_MS, Math.ceil(intervalMs * LATE_GRACE_SHARE));
}

/** What a host's enabled backup schedules ask of it. `nowMs` only decides what "daily" means today. */
export function hostDue(schedules: readonly TimedSchedule[], runs: ScheduleRuns, nowMs: number): HostDue {
  let nextDueAtMs: number | null = null;
  let protectedUntilMs: number | null = null;
  let plannedSinceMs: number | null = null;
  for (const schedule of schedules) {
    if (schedule.kind !== "backup") continue;
    const due = dueOf(schedule, runs[schedule.id]?.[3] ?? null);
    if (!due) continue;
    nextDueAtMs = least(nextDueAtMs, due.dueMs);
    protectedUntilMs = least(protectedUntilMs, due.lateMs);
    if (firesDaily(due.timing, nowMs)) plannedSinceMs = least(plannedSinceMs, schedule.timedAtMs);
  }
  return { nextDueAtMs, protectedUntilMs, plannedSinceMs };
}

/** Whether a schedule that its host fires is overdue past its grace. */
export function scheduleLate(schedule: TimedSchedule, lastGoodAtMs: number | null, nowMs: number): boolean {
  if (!HOST_FIRED.has(schedule.kind)) return false;
  const due = dueOf(schedule, lastGoodAtMs);
  return due !== null && due.lateMs <= nowMs;
}

/** The first fire that no good run has met, and when it is late; null for a schedule that does not fire by itself. */
function dueOf(
  { id, enabled, manual, cron, timeZone, spreadMinutes, timedAtMs }: TimedSchedule,
  lastGoodAtMs: number | null,
): { timing: Timing; dueMs: number; lateMs: number } | null {
  if (!enabled || manual || !cron || !timeZone) return null;
  const timing = { cron, timeZone };
  const spread = spreadMs(id, spreadMinutes);
  // Before its times changed its fires were others, and none of the new ones can have been missed.
  const nominalMs = nextFire(timing, Math.max(lastGoodAtMs ?? 0, timedAtMs) - spread);
  if (nominalMs === null) return null;
  const followingMs = nextFire(timing, nominalMs) ?? nominalMs;
  return { timing, dueMs: nominalMs + spread, lateMs: lateAtMs(nominalMs + spread, followingMs - nominalMs) };
}

/** Whether a schedule fires on every one of the next eight days. */
function firesDaily(timing: Timing, nowMs: number): boolean {
  for (let day = 0; day < 8; day++) {
    const fromMs = nowMs + day * DAY_MS;
    const nextMs = nextFire(timing, fromMs);
    if (nextMs === null || nextMs - fromMs > LONG_DAY_MS) return false;
  }
  return true;
}

function least(a: number | null, b: number): number {
  return a === null ? b : Math.min(a, b);
}
