import type { KeepPolicy } from "../../protocol/schedule.ts";
import type { DatedSnapshot } from "../../core/retention/evaluate.ts";

/**
 * Retention by hand, to check core/retention against: each rule for itself, by the text of the date, over the whole
 * list. `oldestStays` is what restic does since 0.16: a rule with room left keeps the oldest snapshot too.
 */
export function keptByHand(
  keep: KeepPolicy,
  snapshots: readonly DatedSnapshot[],
  nowMs: number,
  oldestStays = true,
): Set<string> {
  const newestLast = snapshots.toSorted((a, b) =>
    a.timeMs === b.timeMs ? (a.id < b.id ? 1 : -1) : a.timeMs - b.timeMs,
  );
  const kept = new Set<string>();
  const labels = {
    last: (snapshot: DatedSnapshot) => snapshot.id,
    hourly: (snapshot: DatedSnapshot) => isoText(snapshot).slice(0, -11),
    daily: (snapshot: DatedSnapshot) => isoText(snapshot).slice(0, -14),
    weekly: (snapshot: DatedSnapshot) => isoWeek(snapshot.timeMs),
    monthly: (snapshot: DatedSnapshot) => isoText(snapshot).slice(0, -17),
    yearly: (snapshot: DatedSnapshot) => isoText(snapshot).slice(0, -20),
  };
  for (const [rule, labelOf] of Object.entries(labels) as [keyof typeof labels, (of: DatedSnapshot) => string][]) {
    const wanted = keep[rule];
    if (wanted === undefined) continue;
    // a later snapshot takes the place of an earlier one with the same label
    const newestOf = new Map(newestLast.map((snapshot) => [labelOf(snapshot), snapshot.id]));
    for (const id of [...newestOf.values()].slice(-wanted)) kept.add(id);
    if (oldestStays && newestOf.size < wanted && newestLast[0]) kept.add(newestLast[0].id);
  }
  for (const snapshot of newestLast) {
    if (keep.tags?.some((tag) => snapshot.tags.includes(tag))) kept.add(snapshot.id);
  }
  if (keep.within !== undefined) {
    const newest = newestLast.findLast((snapshot) => snapshot.timeMs < nowMs);
    const from = newest ? stepBack(newest.timeMs, keep.within) : -Infinity;
    for (const snapshot of newestLast) if (snapshot.timeMs > from) kept.add(snapshot.id);
  }
  return kept;
}

function isoText(snapshot: DatedSnapshot): string {
  return new Date(snapshot.timeMs).toISOString();
}

/** ISO 8601 week: the one of the year that its Thursday lies in. */
function isoWeek(timeMs: number): string {
  const thursday = new Date(timeMs);
  thursday.setUTCDate(thursday.getUTCDate() + 4 - (thursday.getUTCDay() || 7));
  const year = thursday.getUTCFullYear();
  const dayOfYear = (Date.UTC(year, thursday.getUTCMonth(), thursday.getUTCDate()) - Date.UTC(year, 0, 1)) / 86_400_000;
  return `${year}-W${Math.floor(dayOfYear / 7) + 1}`;
}

function stepBack(fromMs: number, within: string): number {
  const steps = { y: 0, m: 0, d: 0, h: 0 };
  for (const [, count, unit] of within.matchAll(/(\d+)([ymdh])/g)) steps[unit as keyof typeof steps] = Number(count);
  const from = new Date(fromMs);
  return Date.UTC(
    from.getUTCFullYear() - steps.y,
    from.getUTCMonth() - steps.m,
    from.getUTCDate() - steps.d,
    from.getUTCHours() - steps.h,
    from.getUTCMinutes(),
    from.getUTCSeconds(),
    from.getUTCMilliseconds(),
  );
}
