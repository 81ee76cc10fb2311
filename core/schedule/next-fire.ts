import { DAY_MS } from "./day.ts";
import { wallMatcher } from "./wall-matcher.ts";
import { zoneClock, type ZoneClock } from "./zone-clock.ts";

/** When a schedule fires: five fields of cron on the wall clock of an IANA zone. Both have passed their checks. */
export interface Timing {
  readonly cron: string;
  readonly timeZone: string;
}

/**
 * The first nominal fire strictly after an instant, both ms UTC; null when it never fires again.
 *
 * Where the clock changes: a cron whose hour begins with `*` follows real time (in an overlap both passes fire, what a
 * gap leaves out does not). Any other means fixed times: one that falls into a gap fires at the first instant after
 * it, one that comes twice fires the first time. Two times that come to the same instant are one fire.
 */
export function nextFire({ cron, timeZone }: Timing, afterMs: number): number | null {
  const { next, followsRealTime } = wallMatcher(cron);
  const clock = zoneClock(timeZone);
  let fromMs = Math.floor(afterMs) + 1;
  for (;;) {
    const { startMs, endMs, offsetMs, change } = clock.pieceAt(fromMs);
    let wallMs = fromMs + offsetMs;
    if (!followsRealTime) {
      if (change && fromMs === startMs) {
        const skippedMs = next(startMs + change.beforeMs);
        if (skippedMs !== null && skippedMs < startMs + change.afterMs) return startMs;
      }
      wallMs = Math.max(wallMs, wallReachedMs(clock, fromMs));
    }
    const matchMs = next(wallMs);
    if (matchMs !== null && matchMs < endMs + offsetMs) return matchMs - offsetMs;
    // No offset is as large as a day: nothing fires before the next match on any wall that may follow.
    const laterMs = next(endMs - DAY_MS);
    if (laterMs === null) return null;
    fromMs = Math.max(endMs, laterMs - DAY_MS);
  }
}

/** How far the wall clock had come before it was last put back, if that was within a day before an instant. */
function wallReachedMs(clock: ZoneClock, utcMs: number): number {
  const day = Math.floor(utcMs / DAY_MS);
  let reachedMs = -Infinity;
  for (const change of [clock.changeOn(day - 1), clock.changeOn(day)])
    if (change && change.atMs <= utcMs) reachedMs = Math.max(reachedMs, change.atMs + change.beforeMs);
  return reachedMs;
}

/** The next `count` nominal fires after an instant, for a preview. */
export function nextFires(timing: Timing, afterMs: number, count: number): number[] {
  const fires: number[] = [];
  for (let at = nextFire(timing, afterMs); at !== null && fires.length < count; at = nextFire(timing, at))
    fires.push(at);
  return fires;
}
