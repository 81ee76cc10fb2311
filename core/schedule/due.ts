import { nextFire, type Timing } from "./next-fire.ts";
import { spreadMs } from "./spread.ts";

const SKIP_LATER_THAN_MS = 60_000;
const AHEAD_AT_MOST_MS = 24 * 3600_000;
/** Missed fires are counted up to here: more say nothing more, and a year of minutes must not be walked. */
export const MAX_MISSED = 1000;

export interface DueSchedule extends Timing {
  readonly id: string;
  readonly spreadMinutes: number;
  readonly catchUp: "once" | "skip";
}

export interface FireDecision {
  /** The nominal time to run now, ms UTC, or null. */
  readonly fireMs: number | null;
  /** The nominal time up to which everything is settled; keep it after the job. */
  readonly watermarkMs: number;
  /** Fires that are settled without being run, at most MAX_MISSED. */
  readonly missed: number;
  /** When to look again: the moment of the next fire, its spread included. */
  readonly nextAtMs: number | null;
}

/**
 * What is due of a schedule (PROTOCOL section 7): after downtime the newest missed fire or none, never ten. A fire at
 * or before the watermark never comes again, whatever the clock does; a watermark more than a day ahead of the clock
 * is itself wrong, and is set to now.
 */
export function decideFire(schedule: DueSchedule, watermarkMs: number, nowMs: number): FireDecision {
  const lateMs = spreadMs(schedule.id, schedule.spreadMinutes);
  const settle = (fireMs: number | null, settledMs: number, missed: number): FireDecision => {
    const nextMs = nextFire(schedule, settledMs);
    return { fireMs, watermarkMs: settledMs, missed, nextAtMs: nextMs === null ? null : nextMs + lateMs };
  };
  if (watermarkMs - nowMs > AHEAD_AT_MOST_MS) return settle(null, nowMs, 0);
  const newestMs = newestFire(schedule, watermarkMs, nowMs - lateMs);
  if (newestMs === null) return settle(null, watermarkMs, 0);
  const missed = countFires(schedule, watermarkMs, newestMs);
  const isTooLate = schedule.catchUp === "skip" && nowMs - newestMs - lateMs > SKIP_LATER_THAN_MS;
  return isTooLate ? settle(null, newestMs, Math.min(missed + 1, MAX_MISSED)) : settle(newestMs, newestMs, missed);
}

/** The newest fire in (afterMs, untilMs], or null: found by halving, because downtime may be long. */
function newestFire(timing: Timing, afterMs: number, untilMs: number): number | null {
  const within = (fromMs: number): number | null => {
    const fireMs = nextFire(timing, fromMs);
    return fireMs !== null && fireMs <= untilMs ? fireMs : null;
  };
  let newestMs = within(afterMs);
  if (newestMs === null) return null;
  // After `highMs` nothing fires up to untilMs any more.
  let highMs = untilMs;
  for (;;) {
    const followingMs = within(newestMs);
    if (followingMs === null) return newestMs;
    newestMs = followingMs;
    while (highMs - newestMs > 1) {
      const middleMs = newestMs + Math.floor((highMs - newestMs) / 2);
      const foundMs = within(middleMs);
      if (foundMs !== null) {
        newestMs = foundMs;
        break;
      }
      highMs = middleMs;
    }
  }
}

/** How many fires lie in (afterMs, beforeMs), up to MAX_MISSED. */
function countFires(timing: Timing, afterMs: number, beforeMs: number): number {
  let count = 0;
  for (
    let at = nextFire(timing, afterMs);
    at !== null && at < beforeMs && count < MAX_MISSED;
    at = nextFire(timing, at)
  )
    count++;
  return count;
}
