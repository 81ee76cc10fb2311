import { DAY_MS } from "../schedule/day.ts";
import type { KeepPolicy } from "../../protocol/schedule.ts";

/** What retention looks at: when a snapshot says it was taken (UTC) and its tags. */
export interface DatedSnapshot {
  id: string;
  timeMs: number;
  tags: readonly string[];
}

/** Both lists newest first, as restic gives them; reasons in restic's own words and order. */
export interface Evaluation {
  kept: { id: string; reasons: string[] }[];
  removed: string[];
}

/**
 * Numbers of the calendar's hours, days, … in UTC: two snapshots share a bucket when theirs are equal. Weeks are
 * ISO 8601's, which begin on Monday; day 0 was a Thursday.
 */
const BUCKETS = {
  hourly: (timeMs: number) => Math.floor(timeMs / 3600_000),
  daily: (timeMs: number) => Math.floor(timeMs / DAY_MS),
  weekly: (timeMs: number) => Math.floor((timeMs / DAY_MS + 3) / 7),
  monthly: (timeMs: number) => new Date(timeMs).getUTCFullYear() * 12 + new Date(timeMs).getUTCMonth(),
  yearly: (timeMs: number) => new Date(timeMs).getUTCFullYear(),
} as const;

/** Order of retention: newest first; the id decides between equal times, where restic leaves it to chance. */
export function newestFirst<S extends { id: string; timeMs: number }>(snapshots: readonly S[]): S[] {
  return [...snapshots].sort((a, b) => b.timeMs - a.timeMs || (a.id < b.id ? -1 : 1));
}

/**
 * Which snapshots of one group a policy keeps, and why: the same as `restic forget` of 0.18 and newer decides for
 * one group with TZ=UTC. A snapshot that any rule keeps stays, the oldest one also while a rule still has room.
 * restic 0.14 does not keep that oldest one. A policy without a rule keeps everything.
 *
 * @param nowMs Snapshots from later than this do not count as the newest, from which `within` is reckoned.
 */
export function evaluateRetention(keep: KeepPolicy, snapshots: readonly DatedSnapshot[], nowMs: number): Evaluation {
  const rules = countedRules(keep);
  const ordered = newestFirst(snapshots);
  const withinAfterMs = keep.within === undefined ? null : startOfWithin(keep.within, ordered, nowMs);
  const hasRule = rules.length > 0 || keep.within !== undefined || (keep.tags ?? []).length > 0;

  const evaluation: Evaluation = { kept: [], removed: [] };
  for (const [at, snapshot] of ordered.entries()) {
    const isOldest = at === ordered.length - 1;
    const reasons = hasRule ? [] : ["no rule"];
    for (const tag of keep.tags ?? []) if (snapshot.tags.includes(tag)) reasons.push(`has tags [${tag}]`);
    if (withinAfterMs !== null && snapshot.timeMs > withinAfterMs) reasons.push(`within ${keep.within}`);
    for (const rule of rules) {
      if (rule.left === 0) continue;
      const bucket = rule.bucketOf(snapshot.timeMs, at);
      const isNew = bucket !== rule.lastBucket;
      if (!isNew && !isOldest) continue;
      rule.lastBucket = bucket;
      rule.left -= 1;
      reasons.push(isNew ? `${rule.name} snapshot` : `oldest ${rule.name} snapshot`);
    }
    if (reasons.length > 0) evaluation.kept.push({ id: snapshot.id, reasons });
    else evaluation.removed.push(snapshot.id);
  }
  return evaluation;
}

interface CountedRule {
  name: string;
  left: number;
  lastBucket: number | null;
  bucketOf(timeMs: number, at: number): number;
}

/** The rules that count down, in restic's order. */
function countedRules(keep: KeepPolicy): CountedRule[] {
  const bucketOf = { last: (_timeMs: number, at: number) => at, ...BUCKETS };
  return (["last", "hourly", "daily", "weekly", "monthly", "yearly"] as const).flatMap((name) => {
    const left = keep[name] ?? 0;
    return left > 0 ? [{ name, left, lastBucket: null, bucketOf: bucketOf[name] }] : [];
  });
}

/** `within` in its parts; a part that is not named is 0. */
export function withinParts(within: string): { years: number; months: number; days: number; hours: number } {
  const part = (unit: string) => Number(new RegExp(`(\\d+)${unit}`).exec(within)?.[1] ?? 0);
  return { years: part("y"), months: part("m"), days: part("d"), hours: part("h") };
}

/**
 * The moment after which a snapshot is within: calendar steps back from the newest snapshot that is not in the
 * future. A day that its month does not have runs on into the next one, as in Go's AddDate.
 */
function startOfWithin(within: string, ordered: readonly DatedSnapshot[], nowMs: number): number {
  const newest = ordered.find((snapshot) => snapshot.timeMs < nowMs);
  if (!newest) return Number.NEGATIVE_INFINITY;
  const { years, months, days, hours } = withinParts(within);
  const at = new Date(newest.timeMs);
  at.setUTCFullYear(at.getUTCFullYear() - years, at.getUTCMonth() - months, at.getUTCDate() - days);
  return at.getTime() - hours * 3600_000;
}
