import { DAY_MS } from "../../core/schedule/day.ts";
import type { RetentionPlan } from "../../protocol/schedule.ts";

/** A retention plan on a time axis that gives the recent past more room. x in px, today at the right. */
export interface RetentionLanes {
  lanes: { name: string; count: number; dots: { x: number; odd: boolean }[] }[];
  dropped: number[];
  ticks: { x: number; word: string }[];
}

export const AXIS = { left: 74, right: 700 } as const;
const TICK_GAP_PX = 58;
const TICKS = [
  [0, "today"],
  [7, "1 week"],
  [30, "1 month"],
  [182, "6 months"],
  [365, "1 year"],
  [2 * 365, "2 years"],
  [5 * 365, "5 years"],
  [10 * 365, "10 years"],
] as const;

/** Which rule a reason of restic's belongs to, by its own words: "oldest daily snapshot", "within 1y". */
const LANES: readonly (readonly [name: string, of: RegExp])[] = [
  ["Last", /\blast\b/],
  ["Hourly", /\bhourly\b/],
  ["Daily", /\bdaily\b/],
  ["Weekly", /\bweekly\b/],
  ["Monthly", /\bmonthly\b/],
  ["Yearly", /\byearly\b/],
  ["Within", /^within\b/],
  ["Tagged", /^has tags\b/],
];

/** Lays a plan out; a snapshot that several rules keep has a dot in each lane. Times after `nowMs` count as now. */
export function lanesOf(plan: Pick<RetentionPlan, "kept" | "removed">, nowMs: number): RetentionLanes {
  const ages = [...plan.kept, ...plan.removed].map(({ timeMs }) => Math.max(0, nowMs - timeMs));
  const longest = ages.reduce((most, age) => Math.max(most, age), DAY_MS * 7);
  const x = (ageMs: number) =>
    Math.round((AXIS.right - Math.sqrt(Math.max(0, ageMs) / longest) * (AXIS.right - AXIS.left)) * 2) / 2;

  const lanes = LANES.flatMap(([name, of]) => {
    const kept = plan.kept.filter(({ reasons }) => reasons.some((reason) => of.test(reason)));
    if (kept.length === 0) return [];
    // Thousands of snapshots are a few hundred places on the axis.
    const dots = new Map(kept.map(({ timeMs, odd }) => [x(nowMs - timeMs), odd]));
    return [{ name, count: kept.length, dots: [...dots].map(([at, odd]) => ({ x: at, odd })) }];
  });
  const ticks: RetentionLanes["ticks"] = [];
  for (const [days, word] of TICKS) {
    const at = x(days * DAY_MS);
    if (days * DAY_MS > longest) break;
    const last = ticks.at(-1);
    if (!last || last.x - at >= TICK_GAP_PX) ticks.push({ x: at, word });
  }
  return { lanes, dropped: [...new Set(plan.removed.map(({ timeMs }) => x(nowMs - timeMs)))], ticks };
}
