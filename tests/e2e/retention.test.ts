import { hostname } from "node:os";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { evaluateRetention, type Evaluation } from "../../core/retention/evaluate.ts";
import { planForget, type GroupSnapshot } from "../../core/retention/plan.ts";
import type { KeepPolicy } from "../../protocol/schedule.ts";
import { anyKeepPolicy } from "../support/any-keep-policy.ts";
import { removeFolder, temporaryFolder } from "../support/folders.ts";
import { listSnapshots, resticBinary, resticVersions, type RepositoryAccess } from "../support/restic.ts";
import { keptByHand } from "../support/retention-oracle.ts";
import {
  copyRepository,
  edges,
  enrolledHost,
  listGroup,
  midday,
  nightly,
  resticForgets,
  resticKeeps,
  seedRepository,
  seededDays,
} from "../support/retention-seeds.ts";

/** Each rule of the first fills up within the 60 days; the weekly rule of the second has room to the end. */
const policies: Record<string, KeepPolicy> = {
  [nightly]: { daily: 7, weekly: 4, monthly: 3 },
  [midday]: { last: 5, weekly: 12, within: "2d12h", tags: ["legal"] },
};

let folder: string;
let seeded: RepositoryAccess;
const groups = new Map<string, GroupSnapshot[]>();

beforeAll(async () => {
  folder = temporaryFolder("retention");
  seeded = await seedRepository(resticBinary("0.18.0"), folder);
  for (const scheduleId of [nightly, midday, edges]) {
    groups.set(scheduleId, await listGroup(resticBinary("0.18.0"), seeded, scheduleId));
  }
}, 600_000);
afterAll(() => removeFolder(folder));

function idsOf(snapshots: readonly { id: string }[]): string[] {
  return snapshots.map((snapshot) => snapshot.id).sort();
}

/** 0.14 has no rule for the oldest snapshot: what stays for that alone goes. */
function withoutOldestRule(evaluation: Evaluation): Evaluation {
  const kept = evaluation.kept.map(({ id, reasons }) => ({
    id,
    reasons: reasons.filter((reason) => !reason.startsWith("oldest ")),
  }));
  return {
    kept: kept.filter(({ reasons }) => reasons.length > 0),
    removed: [...evaluation.removed, ...idsOf(kept.filter(({ reasons }) => reasons.length === 0))],
  };
}

describe("two schedules of one host in one repository, after 60 days", () => {
  test("each have one group, though its paths changed, its machine has another name and a copy of it bears the same tag", () => {
    const group = groups.get(nightly)! as (GroupSnapshot & { paths: string[] })[];
    expect(group).toHaveLength(seededDays);
    expect(new Set(group.map((snapshot) => snapshot.paths.length))).toEqual(new Set([1, 2]));
    expect(groups.get(midday)).toHaveLength(seededDays);
    expect(hostname()).not.toBe(enrolledHost);
  });

  test.each(resticVersions)(
    "forget by restic %s leaves what the plans and a calculation by hand keep",
    async (version) => {
      const restic = resticBinary(version);
      const repository = copyRepository(seeded, version);
      const before = await listSnapshots(restic, repository);
      const gone = new Set<string>();
      for (const scheduleId of [nightly, midday]) {
        const snapshots = await listGroup(restic, repository, scheduleId);
        const plan = planForget({ scheduleId, keep: policies[scheduleId]!, snapshots, nowMs: Date.now() });
        expect(new Set(idsOf(plan.kept))).toEqual(keptByHand(policies[scheduleId]!, snapshots, Date.now()));
        expect(plan.held).toEqual(["too_many"]);

        const ids = plan.removed.map((snapshot) => snapshot.id);
        await resticForgets(restic, repository, ids);
        for (const id of ids) gone.add(id);
        const left = await listSnapshots(restic, repository);
        expect(idsOf(left)).toEqual(idsOf(before.filter((snapshot) => !gone.has(snapshot.id))));
        const again = { scheduleId, keep: policies[scheduleId]!, nowMs: Date.now() };
        expect(planForget({ ...again, snapshots: await listGroup(restic, repository, scheduleId) }).removed).toEqual(
          [],
        );
      }
      const others = before.filter((snapshot) => snapshot.hostname !== enrolledHost);
      expect(others).toHaveLength(2);
      expect(others.some((snapshot) => gone.has(snapshot.id))).toBe(false);
    },
  );

  test.each([
    { name: "nightly", scheduleId: nightly },
    { name: "midday", scheduleId: midday },
  ])(
    "day by day, each plan of $name passes the guard, equals a calculation by hand, and ends as one forget would",
    ({ scheduleId }) => {
      const keep = policies[scheduleId]!;
      const all = groups.get(scheduleId)!.toSorted((a, b) => a.timeMs - b.timeMs);
      let left: GroupSnapshot[] = [];
      for (const snapshot of all) {
        left.push(snapshot);
        const nowMs = snapshot.firstSeenAtMs;
        const plan = planForget({ scheduleId, keep, snapshots: left, nowMs });
        expect(plan.held).toEqual([]);
        const kept = keptByHand(keep, left, nowMs);
        expect(new Set(idsOf(plan.kept))).toEqual(kept);
        left = left.filter(({ id }) => kept.has(id));
      }
      expect(new Set(idsOf(left))).toEqual(keptByHand(keep, all, Date.now()));
    },
  );
});

describe("the evaluation equals restic's own dry run", () => {
  test.each(["0.18.0", "newest"] as const)("of the 60 days, reasons included, with restic %s", async (version) => {
    for (const [scheduleId, keep] of Object.entries(policies)) {
      const told = await resticKeeps(resticBinary(version), seeded, scheduleId, keep);
      expect(evaluateRetention(keep, groups.get(scheduleId)!, Date.now())).toEqual(told);
    }
  });

  test("of the 60 days with restic 0.14.0, which drops the oldest snapshot while a rule has room", async () => {
    for (const [scheduleId, keep] of Object.entries(policies)) {
      const told = await resticKeeps(resticBinary("0.14.0"), seeded, scheduleId, keep);
      const ours = evaluateRetention(keep, groups.get(scheduleId)!, Date.now());
      expect(told.kept).toEqual(withoutOldestRule(ours).kept);
      const byHand = keptByHand(keep, groups.get(scheduleId)!, Date.now(), false);
      expect(new Set(idsOf(told.kept))).toEqual(byHand);
      expect(ours.kept.length - told.kept.length).toBe(scheduleId === midday ? 1 : 0);
    }
  });

  test.each(["0.18.0", "newest"] as const)("of any policy on any group, with restic %s", async (version) => {
    await compareAnyPolicy(version, (ours) => ours);
  });

  test("of any policy on any group with restic 0.14.0, but for the oldest snapshot while a rule has room", async () => {
    await compareAnyPolicy("0.14.0", withoutOldestRule);
  });
});

async function compareAnyPolicy(
  version: (typeof resticVersions)[number],
  asThatVersion: (evaluation: Evaluation) => Evaluation,
): Promise<void> {
  // restic refuses, or with 0.14 drops everything, when a policy keeps nothing: the guard holds such a plan
  const keepsSome = anyKeepPolicy(["legal"]).filter((keep) => Object.keys(keep).some((rule) => rule !== "tags"));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(nightly, midday, edges), keepsSome, async (scheduleId, keep) => {
      const told = await resticKeeps(resticBinary(version), seeded, scheduleId, keep);
      const ours = asThatVersion(evaluateRetention(keep, groups.get(scheduleId)!, Date.now()));
      expect(told.kept).toEqual(ours.kept);
      expect(told.removed.sort()).toEqual(ours.removed.sort());
    }),
    { numRuns: 30, endOnFailure: true },
  );
}
