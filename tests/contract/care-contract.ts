import { DAY_MS } from "../../core/schedule/day.ts";
import { eq } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import { uuidv7 } from "../../core/ids.ts";
import { planForget } from "../../core/retention/plan.ts";
import type { MeasuredFact } from "../../core/relay/facts.ts";
import type { Database } from "../../worker/bindings.ts";
import { listAudit, type AuditEntry } from "../../worker/store/audit.ts";
import {
  listDueSchedules,
  recordFired,
  recordForgetFired,
  recordStatsAsked,
} from "../../worker/store/due-schedules.ts";
import { recordFacts } from "../../worker/store/facts.ts";
import {
  loadRetained,
  recordForgetHeld,
  recordForgetQueued,
  recordForgetReleased,
  recordHeldDiscarded,
  recordNothingToForget,
  recordReleaseUndone,
  recordVouched,
} from "../../worker/store/forgets.ts";
import { listJobRows, loadJob, type NewJob } from "../../worker/store/jobs.ts";
import { listRepositoryRows, repositoryResource } from "../../worker/store/repositories.ts";
import { hosts, repositories, schedules, snapshots } from "../../worker/store/schema.ts";
import { loadGroup } from "../../worker/store/snapshots.ts";
import type { ForgetSpec } from "../../protocol/wire.ts";
import { addHost } from "./store-contract.ts";

const NOW_MS = Date.UTC(2026, 0, 15, 12);
const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
const newId = () => uuidv7(NOW_MS, random);
const at = { nowMs: NOW_MS, random };
const entry = (action: string, targetId: string): AuditEntry => ({
  actor: "owner",
  actorKind: "user",
  actorId: null,
  action,
  targetKind: "test",
  targetId,
  address: "192.0.2.7",
});

/** How repositories are cared for; the same on SQLite under Node and on D1 in workerd. Needs the migrations. */
export function describeCare(runtime: string, open: () => Promise<Database>): void {
  async function addRetained(db: Database) {
    const { hostId, repositoryId } = await addHost(db);
    const scheduleId = newId();
    await db.insert(schedules).values({
      id: scheduleId,
      hostId,
      repositoryId,
      name: "home",
      paths: '["/srv"]',
      retention: JSON.stringify({ keep: { last: 5 }, when: "after_backup" }),
      createdAt: NOW_MS,
      updatedAt: NOW_MS,
      firesAt: NOW_MS,
    });
    for (let day = 10; day > 0; day--) {
      const time = NOW_MS - day * DAY_MS;
      await db.insert(snapshots).values({
        repositoryId,
        time,
        id: `${newId()}${newId()}`.replaceAll("-", ""),
        hostId,
        hostname: "web-1",
        paths: "[]",
        tags: JSON.stringify([`rm:schedule:${scheduleId}`]),
        firstSeenAt: day === 10 ? NOW_MS : time,
      });
    }
    const read = async () => (await loadRetained(db, hostId, scheduleId))!;
    const job = async (id = newId()): Promise<NewJob & { spec: ForgetSpec }> => {
      const plan = planForget({
        scheduleId,
        keep: { last: 5 },
        snapshots: await loadGroup(db, await read()),
        nowMs: NOW_MS,
      });
      const snapshotIds = plan.removed.map((removed) => removed.id);
      const spec = { kind: "forget" as const, repositoryId, scheduleId, snapshotIds };
      return { id, hostId, spec, scheduleName: "home", source: "asked", askedBy: "owner", notAfterMs: NOW_MS + 1 };
    };
    return { hostId, repositoryId, scheduleId, read, job };
  }
  const held = (fingerprint: string) => ({ fingerprint, reasons: ["too_many" as const], removed: 5, kept: 5 });
  const stateOf = async (db: Database, id: string) => (await loadJob(db, id))?.state;
  const auditOf = async (db: Database, target: string) =>
    (await listAudit(db, { limit: 10, target })).items.map((row) => row.action);

  describe(`the care of repositories on ${runtime}`, () => {
    test("of two forgets decided at once from the same rows, one is written", async () => {
      const db = await open();
      const { read, job } = await addRetained(db);
      const seen = await read();
      const [first, second] = [await job(), await job()];
      expect(first.spec.snapshotIds).toHaveLength(5);
      expect(await recordForgetQueued(db, seen, first, false, entry("job.run", first.id), at)).toBe(true);
      expect(await recordForgetQueued(db, seen, second, false, entry("job.run", second.id), at)).toBe(false);
      expect(await recordForgetHeld(db, seen, second, held("a"), null, at)).toBeNull();
      expect(await recordNothingToForget(db, seen, at)).toBe(false);
      expect([await stateOf(db, first.id), await stateOf(db, second.id)]).toEqual(["queued", undefined]);
      expect([await auditOf(db, first.id), await auditOf(db, second.id)]).toEqual([["job.run"], []]);
      expect(await read()).toMatchObject({ firesAtMs: null, heldJobId: null });
    });

    test("a held forget is replaced in place, released once, and held again when its host does not take it", async () => {
      const db = await open();
      const { read, job, scheduleId, repositoryId } = await addRetained(db);
      const made = await job();
      expect(await recordForgetHeld(db, await read(), made, held("a"), entry("job.run", made.id), at)).toBe(made.id);
      expect(await recordForgetHeld(db, await read(), await job(), held("b"), null, at)).toBe(made.id);
      expect(await loadJob(db, made.id)).toMatchObject({ state: "held", held: { fingerprint: "b" } });
      const seen = await read();
      const release = (fingerprint: string) => ({
        jobId: made.id,
        fingerprint,
        releasedBy: "admin",
        notAfterMs: NOW_MS + 9,
      });
      const audit = entry("job.release", made.id);
      expect(await recordForgetReleased(db, seen, release("a"), audit, at)).toBe(false);
      expect(await recordForgetReleased(db, seen, release("b"), audit, at)).toBe(true);
      expect(await recordForgetReleased(db, seen, release("b"), audit, at)).toBe(false);
      expect(await auditOf(db, made.id)).toEqual(expect.arrayContaining(["job.run", "job.release"]));
      expect(await auditOf(db, made.id)).toHaveLength(2);
      const vouched = async () =>
        (await db.select().from(snapshots).where(eq(snapshots.repositoryId, repositoryId))).filter(
          (row) => row.vouched,
        );
      expect(await vouched()).toHaveLength(0);
      await recordVouched(db, seen, NOW_MS - 1);
      expect(await vouched()).toHaveLength(0);
      await recordVouched(db, seen, NOW_MS);
      expect(await vouched()).toHaveLength(1);
      expect((await read()).heldJobId).toBeNull();
      await recordReleaseUndone(db, scheduleId, { id: made.id, createdAtMs: NOW_MS });
      expect(await stateOf(db, made.id)).toBe("held");
      expect((await read()).heldJobId).toBe(made.id);
      const discard = () =>
        recordHeldDiscarded(db, { id: made.id, scheduleId }, "owner", entry("job.cancel", made.id), at);
      expect([await discard(), await discard()]).toEqual([true, false]);
      expect((await read()).heldJobId).toBeNull();
    });

    test("a forget that passes ends the one that was held", async () => {
      const db = await open();
      const { read, job } = await addRetained(db);
      const first = await job();
      await recordForgetHeld(db, await read(), first, held("a"), null, at);
      const second = await job();
      expect(await recordForgetQueued(db, await read(), second, true, null, at)).toBe(true);
      expect([await stateOf(db, first.id), await stateOf(db, second.id)]).toEqual(["cancelled", "queued"]);
    });

    test("a fire is one job, a forget schedule wakes what waits for it, a measurement is asked for once", async () => {
      const db = await open();
      const { hostId, repositoryId, scheduleId } = await addRetained(db);
      await db.update(hosts).set({ online: 1 }).where(eq(hosts.id, hostId));
      await db
        .update(schedules)
        .set({ retention: JSON.stringify({ keep: { last: 5 }, when: "forget_schedule" }), firesAt: null })
        .where(eq(schedules.id, scheduleId));
      const common = { hostId, repositoryId, paths: "[]", createdAt: NOW_MS, updatedAt: NOW_MS, firesAt: NOW_MS };
      const [prune, forget] = [newId(), newId()];
      await db.insert(schedules).values({ ...common, id: prune, name: "prune", kind: "prune" });
      await db.insert(schedules).values({ ...common, id: forget, name: "forget", kind: "forget" });
      const due = async (which: "forget" | "others") =>
        (await listDueSchedules(db, NOW_MS, which, null, 1000)).filter((row) => row.hostId === hostId);
      const [[fired, ...others], [waking]] = [await due("others"), await due("forget")];
      expect([fired?.id, others, waking?.id]).toEqual([prune, [], forget]);
      const job: NewJob = {
        id: newId(),
        hostId,
        spec: { kind: "prune", repositoryId, scheduleId: prune, limits: {} },
        scheduleName: "prune",
        source: "schedule",
        askedBy: null,
        notAfterMs: NOW_MS + 1,
        nominalMs: NOW_MS,
        missed: 2,
      };
      expect(await recordFired(db, fired!, NOW_MS + DAY_MS, job, NOW_MS)).toBe(true);
      expect(await recordFired(db, fired!, NOW_MS + DAY_MS, { ...job, id: newId() }, NOW_MS)).toBe(false);
      await recordForgetFired(db, waking!, null, NOW_MS);
      const [woken] = await db.select().from(schedules).where(eq(schedules.id, scheduleId));
      expect(woken?.firesAt).toBe(NOW_MS);
      const { rows } = await listJobRows(db, { kind: "prune", sinceMs: NOW_MS }, null, 1000);
      expect(rows.filter((row) => row.job.hostId === hostId)).toMatchObject([
        { job: { nominalAt: NOW_MS, missed: 2 } },
      ]);

      const unmeasured = { hostId, repositoryId, statsAskedAtMs: 0 };
      const stats = (): NewJob => ({ ...job, id: newId(), spec: { kind: "stats", repositoryId }, askedBy: "server" });
      expect(await recordStatsAsked(db, unmeasured, stats(), NOW_MS)).toBe(true);
      expect(await recordStatsAsked(db, unmeasured, stats(), NOW_MS)).toBe(false);
    });

    test("what is measured stays with its repository, its day and the fleet's totals", async () => {
      const db = await open();
      const { hostId, repositoryId } = await addHost(db);
      const measured = (atMs: number, storedBytes: number): MeasuredFact => ({
        fact: "measured",
        measurement: { repositoryId, storedBytes, appendOnly: true, locks: [] },
        atMs,
      });
      await recordFacts(db, hostId, [measured(NOW_MS, 10), measured(NOW_MS + 5, 20), measured(NOW_MS, 10)], at);
      const [row] = await listRepositoryRows(db, hostId);
      expect(repositoryResource(row!)).toMatchObject({ storedBytes: 20, measuredAtMs: NOW_MS + 5, appendOnly: true });
      await db.delete(repositories).where(eq(repositories.id, repositoryId));
    });
  });
}
