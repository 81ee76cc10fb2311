import { DAY_MS } from "../../core/schedule/day.ts";
import { expect, test } from "vitest";
import { planForget } from "../../core/retention/plan.ts";
import { AXIS, lanesOf } from "./retention-lanes.ts";

const nowMs = Date.UTC(2026, 10, 23, 12);
const snapshots = (count: number, everyMs: number) =>
  Array.from({ length: count }, (_, i) => ({
    id: String(i).padStart(64, "0"),
    timeMs: nowMs - i * everyMs,
    firstSeenAtMs: nowMs - i * everyMs,
    tags: i === 3 ? ["pinned"] : [],
    vouched: false,
  }));
const plan = (keep: object, count: number, everyMs: number) =>
  planForget({ scheduleId: "s", keep, snapshots: snapshots(count, everyMs), nowMs });

test("each rule has a lane with as many snapshots as restic's reasons name, newest at the right", () => {
  const { lanes, dropped, ticks } = lanesOf(plan({ daily: 7, monthly: 3, tags: ["pinned"] }, 100, DAY_MS), nowMs);
  expect(lanes.map(({ name, count }) => [name, count])).toEqual([
    ["Daily", 7],
    ["Monthly", 3],
    ["Tagged", 1],
  ]);
  expect(lanes[0]!.dots[0]!.x).toBe(AXIS.right);
  expect(ticks.map(({ word }) => word)).toEqual(["today", "1 week", "1 month"]);
  for (const x of [...dropped, ...lanes.flatMap(({ dots }) => dots.map((dot) => dot.x))])
    expect(x >= AXIS.left && x <= AXIS.right).toBe(true);
});

test("ten thousand snapshots are drawn as no more places than the axis has", () => {
  const { lanes, dropped } = lanesOf(plan({ last: 5000 }, 10_000, 3600_000), nowMs);
  expect(lanes[0]!.count).toBe(5000);
  expect(lanes[0]!.dots.length + dropped.length).toBeLessThanOrEqual(2 * 2 * (AXIS.right - AXIS.left + 1));
});

test("a date in the future and an empty group stay on the axis", () => {
  const odd = { kept: [{ id: "a", timeMs: nowMs + 900 * DAY_MS, reasons: ["last snapshot"], odd: true }], removed: [] };
  expect(lanesOf(odd, nowMs).lanes[0]!.dots).toEqual([{ x: AXIS.right, odd: true }]);
  expect(lanesOf({ kept: [], removed: [] }, nowMs).lanes).toEqual([]);
});
