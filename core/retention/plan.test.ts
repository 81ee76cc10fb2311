import { DAY_MS } from "../schedule/day.ts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GUARD_TIME_MS, MAX_FORGET_IDS } from "../../protocol/limits.ts";
import { anyKeepPolicy } from "../../tests/support/any-keep-policy.ts";
import { judgePlan, planForget, type GroupSnapshot } from "./plan.ts";

const HOUR_MS = 3600_000;
const nowMs = Date.UTC(2026, 0, 15, 12);
const scheduleId = "0198c5a0-0000-7000-8000-000000000001";

function idOf(name: string | number): string {
  return String(name).padStart(64, "0");
}

/** A snapshot that the server saw a minute after it was taken. */
function taken(name: string | number, timeMs: number, more: Partial<GroupSnapshot> = {}): GroupSnapshot {
  return { id: idOf(name), timeMs, firstSeenAtMs: timeMs + 60_000, vouched: false, tags: [], ...more };
}

/** One snapshot a day, the newest taken an hour ago; snapshot 1 is the oldest. */
function daily(count: number): GroupSnapshot[] {
  return Array.from({ length: count }, (_, n) => taken(n + 1, nowMs - HOUR_MS - (count - 1 - n) * DAY_MS));
}

function idsOf(numbers: number[]): Set<string> {
  return new Set(numbers.map(idOf));
}

describe("the plan", () => {
  test("names kept and removed apart, the removed oldest first, and holds nothing that is ordinary", () => {
    const plan = planForget({ scheduleId, keep: { last: 10 }, snapshots: daily(12), nowMs });
    expect(plan.held).toEqual([]);
    expect(plan.removed.map((snapshot) => snapshot.id)).toEqual([idOf(1), idOf(2)]);
    expect(plan.kept.map((snapshot) => snapshot.id)).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3].map(idOf));
    expect(plan.kept[0]).toMatchObject({ reasons: ["last snapshot"], odd: false, timeMs: nowMs - HOUR_MS });
  });

  test("has one fingerprint for one set of removed snapshots of one schedule, whatever the policy and order", () => {
    const asked = { scheduleId, keep: { last: 10 }, snapshots: daily(12), nowMs };
    const { fingerprint } = planForget(asked);
    expect(fingerprint).toMatch(/^[A-Za-z0-9_-]{32}$/);
    expect(planForget({ ...asked, keep: { daily: 10 }, snapshots: daily(12).toReversed() }).fingerprint).toBe(
      fingerprint,
    );
    expect(planForget({ ...asked, keep: { last: 11 } }).fingerprint).not.toBe(fingerprint);
    expect(planForget({ ...asked, scheduleId: "0198c5a0-0000-7000-8000-000000000002" }).fingerprint).not.toBe(
      fingerprint,
    );
  });

  test("that removes nothing has no fingerprint and is never held, even among odd times", () => {
    const snapshots = [...daily(3), taken("future", Date.UTC(2099, 0), { firstSeenAtMs: nowMs })];
    expect(planForget({ scheduleId, keep: { last: 10 }, snapshots, nowMs })).toMatchObject({
      fingerprint: "",
      removed: [],
      held: [],
    });
    expect(planForget({ scheduleId, keep: { last: 10 }, snapshots: [], nowMs })).toEqual({
      fingerprint: "",
      kept: [],
      removed: [],
      held: [],
    });
  });

  test("tells the agent of so many at most, the oldest, but is judged by all that the policy drops", () => {
    const many = MAX_FORGET_IDS * 6;
    const snapshots = Array.from({ length: many }, (_, n) => taken(n, nowMs - (many - n) * HOUR_MS));
    const plan = planForget({ scheduleId, keep: { last: many - MAX_FORGET_IDS * 2 }, snapshots, nowMs });
    expect(plan.removed).toHaveLength(MAX_FORGET_IDS);
    expect(plan.removed[0]!.id).toBe(idOf(0));
    expect(plan.kept).toHaveLength(many - MAX_FORGET_IDS);
    expect(plan.kept.at(-1)).toMatchObject({ id: idOf(MAX_FORGET_IDS), reasons: ["left for the next run"] });
    expect(plan.held).toEqual(["too_many"]);
  });
});

describe("the guard holds", () => {
  test("a plan that keeps nothing", () => {
    const plan = planForget({ scheduleId, keep: { tags: ["none-such"] }, snapshots: daily(2), nowMs });
    expect(plan.held).toEqual(["nothing_kept", "newest_good"]);
  });

  test("more than 20 % at once, and exactly 20 % not", () => {
    expect(judgePlan(daily(15), idsOf([1, 2, 3]), nowMs)).toEqual([]);
    expect(judgePlan(daily(14), idsOf([1, 2, 3]), nowMs)).toEqual(["too_many"]);
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 200 }), fc.integer({ min: 0, max: 200 }), (dropped, more) => {
        const group = daily(dropped + more + 1);
        const ids = new Set(group.slice(0, dropped).map((snapshot) => snapshot.id));
        expect(judgePlan(group, ids, nowMs).includes("too_many")).toBe(dropped * 5 > group.length);
      }),
    );
  });

  test("a large share only from three snapshots on", () => {
    expect(judgePlan(daily(4), idsOf([1, 2]), nowMs)).toEqual([]);
    expect(judgePlan(daily(4), idsOf([1, 2, 3]), nowMs)).toEqual(["too_many"]);
  });

  test("more than half of what was there a day ago, when a flood of new snapshots makes it a small share", () => {
    const flood = Array.from({ length: 90 }, (_, n) => taken(`f${n}`, nowMs - n * 60_000));
    expect(judgePlan([...daily(11), ...flood], idsOf([1, 2, 3, 4, 5]), nowMs)).toEqual([]);
    expect(judgePlan([...daily(11), ...flood], idsOf([1, 2, 3, 4, 5, 6]), nowMs)).toEqual(["too_many"]);
  });

  test("a plan that drops the newest good snapshot, which is not the one that lies about its time", () => {
    const liar = taken("liar", nowMs + 30 * DAY_MS, { firstSeenAtMs: nowMs });
    expect(judgePlan(daily(20), idsOf([20]), nowMs)).toEqual(["newest_good"]);
    expect(judgePlan(daily(20), idsOf([19]), nowMs)).toEqual([]);
    expect(judgePlan([...daily(20), liar], idsOf([20]), nowMs)).toEqual(["newest_good", "time_mismatch"]);
  });

  test("every plan of a group in which one time is more than 24 hours from when it was first seen", () => {
    for (const sign of [1, -1]) {
      const seenAtMs = nowMs - 10 * DAY_MS;
      const apart = (ms: number) => taken("apart", seenAtMs + sign * ms, { firstSeenAtMs: seenAtMs });
      expect(judgePlan([...daily(20), apart(GUARD_TIME_MS)], idsOf([1]), nowMs)).toEqual([]);
      expect(judgePlan([...daily(20), apart(GUARD_TIME_MS + 1)], idsOf([1]), nowMs)).toEqual(["time_mismatch"]);
    }
  });

  test("no odd time that an administrator vouched for, which the plan then no longer marks", () => {
    const old = taken("imported", Date.UTC(2020, 0), { firstSeenAtMs: nowMs });
    const plan = (vouched: boolean) =>
      planForget({ scheduleId, keep: { last: 20 }, snapshots: [...daily(20), { ...old, vouched }], nowMs });
    expect(plan(false)).toMatchObject({ held: ["time_mismatch"], removed: [{ odd: true }] });
    expect(plan(true)).toMatchObject({ held: [], removed: [{ odd: false }] });
  });
});

describe("a host that invents snapshots", () => {
  const truthful = fc
    .uniqueArray(fc.integer({ min: 26, max: 24 * 400 }), { minLength: 4, maxLength: 60 })
    .map((hours) => hours.map((hour) => taken(`good${hour}`, nowMs - hour * HOUR_MS)));
  const inventedAgo = fc.integer({ min: 0, max: 23 * 60 });

  test("with dates of another day gets no good snapshot removed unheld", () => {
    const poisoned = fc
      .record({
        seenAgoMinutes: inventedAgo,
        offMs: fc.oneof(
          fc.integer({ min: GUARD_TIME_MS + 1, max: 80 * 365 * DAY_MS }),
          fc.integer({ min: -50 * 365 * DAY_MS, max: -GUARD_TIME_MS - 1 }),
        ),
      })
      .map(({ seenAgoMinutes, offMs }) => {
        const firstSeenAtMs = nowMs - seenAgoMinutes * 60_000;
        return { timeMs: firstSeenAtMs + offMs, firstSeenAtMs };
      });
    fc.assert(
      fc.property(
        anyKeepPolicy([]),
        truthful,
        fc.array(poisoned, { minLength: 1, maxLength: 80 }),
        (keep, good, bad) => {
          const invented = bad.map((times, n) => taken(`bad${n}`, times.timeMs, times));
          const plan = planForget({ scheduleId, keep, snapshots: [...good, ...invented], nowMs });
          expect(plan.removed.length > 0).toBe(plan.held.includes("time_mismatch"));
        },
      ),
      { numRuns: 300 },
    );
  });

  test("with dates that are believed gets at most half of the good ones removed unheld, or two", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        truthful,
        fc.array(fc.tuple(inventedAgo, fc.integer({ min: -GUARD_TIME_MS, max: GUARD_TIME_MS })), {
          minLength: 60,
          maxLength: 300,
        }),
        (drops, good, bad) => {
          const invented = bad.map(([agoMinutes, offMs], n) => {
            const firstSeenAtMs = nowMs - agoMinutes * 60_000;
            return taken(`bad${n}`, firstSeenAtMs + offMs, { firstSeenAtMs });
          });
          const snapshots = [...good, ...invented];
          const plan = planForget({ scheduleId, keep: { last: snapshots.length - drops }, snapshots, nowMs });
          const removed = new Set(plan.removed.map((snapshot) => snapshot.id));
          const lost = good.filter((snapshot) => removed.has(snapshot.id)).length;
          if (plan.held.length === 0) expect(lost).toBeLessThanOrEqual(Math.max(2, good.length / 2));
        },
      ),
      { numRuns: 300 },
    );
  });
});
