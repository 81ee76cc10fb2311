import { DAY_MS } from "../../core/schedule/day.ts";
import { expect, test } from "vitest";
import { CHART, sizeChart } from "./size-chart.ts";

const TIB = 2 ** 40;
const nowMs = 1000 * DAY_MS + 5;
const history = [4.31, 4.52, 4.4, 4.82].map((size, i) => ({ dayMs: (997 + i) * DAY_MS, storedBytes: size * TIB }));

test("sizes stand between round lines, oldest left and today right", () => {
  const chart = sizeChart(history, 30, nowMs)!;
  expect(chart.grid.map((line) => (line.bytes / TIB).toFixed(1))).toEqual(["4.2", "4.4", "4.6", "4.8", "5.0"]);
  expect(chart.points[0]!.x).toBe(CHART.left);
  expect(chart.points.at(-1)!.x).toBe(CHART.right);
  expect(chart.points.every((point) => point.y >= CHART.top && point.y <= CHART.bottom)).toBe(true);
});

test("only the days asked for are drawn, and one alone is no line", () => {
  expect(sizeChart(history, 2, nowMs)!.points).toHaveLength(2);
  expect(sizeChart(history, 1, nowMs)).toBeNull();
});

test("a size that never changes is a line in its place", () => {
  const flat = [998, 999, 1000].map((day) => ({ dayMs: day * DAY_MS, storedBytes: 5 * 2 ** 30 }));
  const chart = sizeChart(flat, 30, nowMs)!;
  expect(new Set(chart.points.map((point) => point.y)).size).toBe(1);
  expect(chart.grid.length).toBeGreaterThan(1);
});
