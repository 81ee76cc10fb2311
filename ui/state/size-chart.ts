import { DAY_MS } from "../../core/schedule/day.ts";
import type { HostDay } from "../../protocol/api.ts";

/** The geometry of a size chart in a box of 720 × 170; y grows downwards. */
export interface SizeChart {
  /** Corner points of the line, oldest first. */
  points: { x: number; y: number }[];
  /** Lines across, with what they stand for. */
  grid: { y: number; bytes: number }[];
  /** Days below, with where. */
  axis: { x: number; dayMs: number }[];
  firstBytes: number;
  lastBytes: number;
}

export const CHART = { left: 62, right: 712, top: 10, bottom: 146, width: 720, height: 170 } as const;
const AXIS_MARKS = 4;

/** A chart of the sizes known of the last `days` days; null when there are fewer than two. */
export function sizeChart(history: readonly HostDay[], days: number, nowMs: number): SizeChart | null {
  const lastDay = Math.floor(nowMs / DAY_MS) * DAY_MS;
  const firstDay = lastDay - (days - 1) * DAY_MS;
  const known = history.flatMap(({ dayMs, storedBytes, sizeBytes }) => {
    const bytes = storedBytes ?? sizeBytes;
    return bytes === undefined || dayMs < firstDay ? [] : [{ dayMs, bytes }];
  });
  if (known.length < 2) return null;
  const { least, most, step } = scaleOf(known.map((day) => day.bytes));
  const from = known[0]!.dayMs;
  const x = (dayMs: number) => CHART.left + ((dayMs - from) / (lastDay - from)) * (CHART.right - CHART.left);
  const y = (bytes: number) => CHART.bottom - ((bytes - least) / (most - least)) * (CHART.bottom - CHART.top);
  return {
    points: known.map((day) => ({ x: x(day.dayMs), y: y(day.bytes) })),
    grid: Array.from({ length: Math.round((most - least) / step) + 1 }, (_, i) => {
      const bytes = least + i * step;
      return { y: y(bytes), bytes };
    }),
    axis: Array.from({ length: AXIS_MARKS }, (_, i) => {
      const dayMs = from + Math.floor(((lastDay - from) / DAY_MS) * (i / AXIS_MARKS)) * DAY_MS;
      return { x: x(dayMs), dayMs };
    }),
    firstBytes: known[0]!.bytes,
    lastBytes: known.at(-1)!.bytes,
  };
}

/** A scale with two to four steps that are round in the unit shown: 1, 2 or 5 times a power of ten of it. */
function scaleOf(bytes: readonly number[]): { least: number; most: number; step: number } {
  const low = Math.min(...bytes);
  const high = Math.max(...bytes);
  const unit = 1024 ** Math.floor(Math.log(Math.max(1, high)) / Math.log(1024));
  const span = Math.max((high - low) / unit, (high / unit) * 0.02, 1e-6);
  const power = 10 ** Math.floor(Math.log10(span / 3));
  const step = unit * power * ([1, 2, 5, 10].find((times) => span / (power * times) <= 3) ?? 10);
  const least = Math.floor(low / step) * step;
  const most = Math.max(Math.ceil(high / step) * step, least + step);
  return { least, most, step };
}
