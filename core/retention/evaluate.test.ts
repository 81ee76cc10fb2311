import fc from "fast-check";
import { expect, test } from "vitest";
import { anyKeepPolicy } from "../../tests/support/any-keep-policy.ts";
import { keptByHand } from "../../tests/support/retention-oracle.ts";
import { evaluateRetention, type DatedSnapshot } from "./evaluate.ts";

const nowMs = Date.UTC(2026, 0, 15);

/** Snapshots named by their times, which are UTC. */
function at(...times: string[]): DatedSnapshot[] {
  return times.map((time) => ({ id: time, timeMs: Date.parse(`${time}Z`), tags: [] }));
}

const anySnapshots = fc
  .array(
    fc.record({
      timeMs: fc.oneof(
        // close together, over years, and after now
        fc.integer({ min: Date.UTC(2025, 11, 20), max: Date.UTC(2026, 0, 10) }),
        fc.integer({ min: Date.UTC(2018, 0), max: Date.UTC(2026, 0) }),
        fc.integer({ min: 0, max: Date.UTC(2099, 0) }),
      ),
      tags: fc.subarray(["legal", "release"]),
    }),
    { maxLength: 60 },
  )
  .map((snapshots) => snapshots.map((snapshot, n) => ({ ...snapshot, id: String(n).padStart(64, "0") })));

test("what is kept equals a calculation of each rule by itself", () => {
  fc.assert(
    fc.property(anyKeepPolicy(["legal", "release"]), anySnapshots, (keep, snapshots) => {
      const evaluation = evaluateRetention(keep, snapshots, nowMs);
      const kept = new Set(evaluation.kept.map((snapshot) => snapshot.id));
      expect(kept).toEqual(keptByHand(keep, snapshots, nowMs));
      expect(kept.size + evaluation.removed.length).toBe(snapshots.length);
    }),
    { numRuns: 500 },
  );
});

test("applied again to what it kept, a policy removes nothing", () => {
  fc.assert(
    fc.property(anyKeepPolicy(["legal"]), anySnapshots, (keep, snapshots) => {
      const kept = new Set(evaluateRetention(keep, snapshots, nowMs).kept.map((snapshot) => snapshot.id));
      const left = snapshots.filter((snapshot) => kept.has(snapshot.id));
      expect(evaluateRetention(keep, left, nowMs).removed).toEqual([]);
    }),
  );
});

test("reasons are restic's words in restic's order", () => {
  const snapshots = at("2025-12-31T23:59", "2026-01-01T00:01");
  snapshots[1]!.tags = ["legal"];
  const keep = { last: 1, hourly: 5, daily: 5, weekly: 5, monthly: 5, yearly: 5, within: "1d", tags: ["legal"] };
  expect(evaluateRetention(keep, snapshots, nowMs).kept).toEqual([
    {
      id: "2026-01-01T00:01",
      reasons: [
        "has tags [legal]",
        "within 1d",
        "last snapshot",
        "hourly snapshot",
        "daily snapshot",
        "weekly snapshot",
        "monthly snapshot",
        "yearly snapshot",
      ],
    },
    {
      id: "2025-12-31T23:59",
      reasons: [
        "within 1d",
        "hourly snapshot",
        "daily snapshot",
        "oldest weekly snapshot",
        "monthly snapshot",
        "yearly snapshot",
      ],
    },
  ]);
});

test("weeks are ISO weeks: the last days of December may belong to the first week of the new year", () => {
  const snapshots = at(
    "2020-12-31T12:00",
    "2021-01-03T23:59",
    "2021-01-04T00:00",
    "2024-12-29T12:00",
    "2024-12-30T12:00",
  );
  expect(evaluateRetention({ weekly: 3 }, snapshots, nowMs).removed).toEqual(["2021-01-03T23:59", "2020-12-31T12:00"]);
});

test("within counts from the newest snapshot that is not in the future, and its own bound is out", () => {
  const snapshots = at("2031-01-01T00:00", "2025-03-31T10:00", "2025-03-03T10:01", "2025-03-03T10:00");
  // a month before 31 March is "31 February", which runs on to 3 March
  expect(evaluateRetention({ within: "1m" }, snapshots, nowMs).removed).toEqual(["2025-03-03T10:00"]);
  expect(evaluateRetention({ within: "1h" }, at("2031-01-01T00:00", "2030-01-01T00:00"), nowMs).removed).toEqual([]);
});

test("a policy without a rule keeps everything", () => {
  expect(evaluateRetention({ tags: [] }, at("2025-01-01T00:00", "2025-01-02T00:00"), nowMs).removed).toEqual([]);
});

test("no snapshots give an empty evaluation", () => {
  expect(evaluateRetention({ daily: 7 }, [], nowMs)).toEqual({ kept: [], removed: [] });
});
