import { eq, sql, type SQL } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import type { RandomBytes } from "../../core/ids.ts";
import type { JobResource } from "../../protocol/api.ts";
import { GUARD_TIME_MS } from "../../protocol/limits.ts";
import type { HostPolicy, Retention } from "../../protocol/schedule.ts";
import type { ForgetSpec } from "../../protocol/wire.ts";
import type { Database } from "../bindings.ts";
import { auditStatement, type AuditEntry } from "./audit.ts";
import { insertWhere } from "./insert-where.ts";
import { openJobs, queuedJobRow, type NewJob } from "./jobs.ts";
import { hosts, jobs, repositories, schedules, snapshots } from "./schema.ts";
import { inGroup, type SnapshotGroup } from "./snapshots.ts";

/** A backup schedule with all that its forgets depend on, as it was read. */
export interface Retained extends SnapshotGroup {
  hostId: string;
  hostName: string;
  scheduleName: string;
  retention: Retention | null;
  /** What the host's own policy file says; null until its agent has told. */
  policy: HostPolicy | null;
  listedAtMs: number | null;
  /** The forget that the guard holds; its job is in state `held`. */
  heldJobId: string | null;
  /** Plan that an administrator confirmed beforehand. */
  releasedPlan: string | null;
  /** When its retention became due; null when it is not. */
  firesAtMs: number | null;
  version: number;
}

/** A host's backup schedule with its retention; null when there is none of that id. */
export async function loadRetained(db: Database, hostId: string, scheduleId: string): Promise<Retained | null> {
  const rows = await selectRetained(db).where(
    sql`${schedules.id} = ${scheduleId} AND ${schedules.hostId} = ${hostId} AND ${schedules.kind} = 'backup'`,
  );
  return rows[0] ? retainedOfRow(rows[0]) : null;
}

function selectRetained(db: Database) {
  return db
    .select({
      hostId: hosts.id,
      hostName: hosts.name,
      hostname: hosts.hostname,
      scheduleId: schedules.id,
      scheduleName: schedules.name,
      repositoryId: schedules.repositoryId,
      retention: schedules.retention,
      policy: hosts.policy,
      listedAtMs: repositories.listedAt,
      heldJobId: schedules.heldJob,
      releasedPlan: schedules.releasedPlan,
      firesAtMs: schedules.firesAt,
      version: schedules.version,
    })
    .from(schedules)
    .innerJoin(hosts, eq(hosts.id, schedules.hostId))
    .innerJoin(repositories, eq(repositories.id, schedules.repositoryId));
}

function retainedOfRow(row: Awaited<ReturnType<typeof selectRetained>>[number]): Retained {
  return {
    ...row,
    retention: row.retention === null ? null : (JSON.parse(row.retention) as Retention),
    policy: row.policy === null ? null : (JSON.parse(row.policy) as HostPolicy),
  };
}

/** Backup schedules of a host whose retention a forget schedule of the same repository applies. */
export function waitsForForget(hostId: string, repositoryId: string): SQL {
  return sql`host_id = ${hostId} AND repository_id = ${repositoryId} AND kind = 'backup' AND enabled = 1
    AND json_extract(retention, '$.when') = 'forget_schedule'`;
}

export async function listWaitingForForget(db: Database, hostId: string, repositoryId: string): Promise<string[]> {
  const rows = await db.select({ id: schedules.id }).from(schedules).where(waitsForForget(hostId, repositoryId));
  return rows.map((row) => row.id);
}

type Forgets = Pick<Retained, "hostId" | "scheduleId">;

function openForget({ hostId, scheduleId }: Forgets, nowMs: number): SQL {
  return sql`${openJobs(hostId, nowMs)} AND kind = 'forget' AND schedule_id = ${scheduleId}`;
}

/** Whether a forget of the schedule is on its way or runs: its plan would be made from snapshots that are leaving. */
export async function hasOpenForget(db: Database, schedule: Forgets, nowMs: number): Promise<boolean> {
  const rows = await db.select({ id: jobs.id }).from(jobs).where(openForget(schedule, nowMs)).limit(1);
  return rows.length > 0;
}

type Held = NonNullable<JobResource["held"]>;
type Statement = BatchItem<"sqlite">;
interface At {
  nowMs: number;
  random: RandomBytes;
}

/**
 * The statement that takes what is due from the schedule, if nothing about its forgets changed since it was read and
 * none is under way. Every batch below begins with it, so that of two that decide at once the second writes nothing.
 */
function taken(db: Database, seen: Retained, heldJobId: string | SQL | null, { nowMs }: At) {
  return db
    .update(schedules)
    .set({ firesAt: null, releasedPlan: null, heldJob: heldJobId })
    .where(
      sql`id = ${seen.scheduleId} AND version = ${seen.version} AND fires_at IS ${seen.firesAtMs}
        AND held_job IS ${seen.heldJobId} AND released_plan IS ${seen.releasedPlan}
        AND NOT EXISTS (SELECT 1 FROM jobs WHERE ${openForget(seen, nowMs)})`,
    );
}

/** Ends the forget that was held, once `won` holds. */
function endHeld(db: Database, seen: Retained, won: SQL, at: At): Statement[] {
  if (seen.heldJobId === null) return [];
  return [
    db
      .update(jobs)
      .set({ state: "cancelled", receivedAt: at.nowMs })
      .where(sql`id = ${seen.heldJobId} AND state = 'held' AND ${won}`),
  ];
}

async function run(db: Database, first: Statement, ...more: Statement[]): Promise<boolean> {
  const [won] = (await db.batch([first, ...more])) as { meta: { changes: number } }[];
  return won!.meta.changes > 0;
}

/**
 * Nothing is to be removed: what was due is done, and a forget that was held has become pointless. For the forget
 * schedules that had it look, that was a run.
 */
export async function recordNothingToForget(db: Database, seen: Retained, at: At): Promise<boolean> {
  const isRun = seen.firesAtMs !== null && seen.retention?.when === "forget_schedule";
  const done = sql`EXISTS (SELECT 1 FROM schedules WHERE id = ${seen.scheduleId} AND version = ${seen.version}
    AND fires_at IS NULL AND held_job IS NULL AND released_plan IS NULL)`;
  return run(
    db,
    taken(db, seen, null, at),
    ...endHeld(db, seen, done, at),
    ...(isRun ? [ranStatement(db, seen, done, at.nowMs)] : []),
  );
}

/** The forget schedules of the repository have run and ended well, without a job; once `won` holds. */
function ranStatement(db: Database, { hostId, repositoryId }: Retained, won: SQL, nowMs: number) {
  const ran = sql`FROM schedules WHERE host_id = ${hostId} AND repository_id = ${repositoryId} AND kind = 'forget'`;
  return db
    .update(hosts)
    .set({
      scheduleRuns: sql`json_patch(schedule_runs, (SELECT json_group_object(id, json_array(${nowMs}, 'succeeded', '', ${nowMs})) ${ran}))`,
    })
    .where(sql`id = ${hostId} AND ${won} AND EXISTS (SELECT 1 ${ran})`);
}

/** Believes the times of a group that an administrator has seen at `seenAtMs`, once `won` holds. */
function vouch(db: Database, group: SnapshotGroup, seenAtMs: number, won: SQL) {
  return db
    .update(snapshots)
    .set({ vouched: 1 })
    .where(
      sql`${inGroup(group)} AND vouched = 0 AND abs(time - first_seen_at) > ${GUARD_TIME_MS}
        AND first_seen_at <= ${seenAtMs} AND ${won}`,
    );
}

/** A forget that the guard lets pass, or that an administrator confirmed beforehand: queued for its relay. */
export async function recordForgetQueued(
  db: Database,
  seen: Retained,
  job: NewJob & { spec: ForgetSpec },
  confirmed: boolean,
  audit: AuditEntry | null,
  at: At,
): Promise<boolean> {
  const made = sql`EXISTS (SELECT 1 FROM jobs WHERE id = ${job.id})`;
  return run(
    db,
    taken(db, seen, null, at),
    insertWhere(db, jobs, queuedJobRow(job, at.nowMs), sql`changes() > 0`).onConflictDoNothing(),
    ...(audit ? [auditStatement(db, audit, { ...at, ifChanged: true })] : []),
    ...endHeld(db, seen, made, at),
    ...(confirmed ? [vouch(db, seen, at.nowMs, made)] : []),
  );
}

/**
 * A forget that the guard holds until an administrator releases it. A held one of the schedule is replaced in place.
 * Answers the id of the job that is held; null when the schedule is not as it was read.
 */
export async function recordForgetHeld(
  db: Database,
  seen: Retained,
  job: NewJob & { spec: ForgetSpec },
  held: Held,
  audit: AuditEntry | null,
  at: At,
): Promise<string | null> {
  const text = JSON.stringify(held);
  const row = { ...queuedJobRow(job, at.nowMs), state: "held", held: text, notAfter: null } as const;
  const { spec, scheduleName, repositoryId } = row;
  // One that its relay took after all is held no longer, whatever the schedule says.
  const still = sql`id = ${seen.heldJobId} AND state = 'held'`;
  const kept = sql`CASE WHEN EXISTS (SELECT 1 FROM jobs WHERE ${still}) THEN held_job ELSE ${job.id} END`;
  const isNew = sql`EXISTS (SELECT 1 FROM schedules WHERE id = ${seen.scheduleId} AND held_job = ${job.id})`;
  const [won, , made] = (await db.batch([
    taken(db, seen, kept, at),
    db
      .update(jobs)
      .set({ spec, scheduleName, repositoryId, held: text })
      .where(
        sql`${still} AND (held <> ${text} OR spec <> ${spec} OR schedule_name IS NOT ${scheduleName}) AND changes() > 0`,
      ),
    insertWhere(db, jobs, row, isNew).onConflictDoNothing(),
    ...(audit ? [auditStatement(db, audit, { ...at, ifChanged: true })] : []),
  ])) as { meta: { changes: number } }[];
  if (won!.meta.changes === 0) return null;
  return made!.meta.changes > 0 ? job.id : seen.heldJobId;
}

/**
 * An administrator releases exactly this plan. False when it is no longer the one that is held. The job counts as made
 * now: it may have been held longer than anyone looks back for a job that is under way.
 */
export async function recordForgetReleased(
  db: Database,
  seen: Pick<Retained, "scheduleId">,
  release: { jobId: string; fingerprint: string; releasedBy: string; notAfterMs: number },
  audit: AuditEntry,
  at: At,
): Promise<boolean> {
  const { jobId, fingerprint, releasedBy, notAfterMs } = release;
  const released = sql`EXISTS (SELECT 1 FROM jobs WHERE id = ${jobId} AND state = 'queued')`;
  return run(
    db,
    db
      .update(jobs)
      .set({ state: "queued", releasedBy, notAfter: notAfterMs, createdAt: at.nowMs })
      .where(sql`id = ${jobId} AND state = 'held' AND json_extract(held, '$.fingerprint') = ${fingerprint}`),
    auditStatement(db, audit, { ...at, ifChanged: true }),
    db
      .update(schedules)
      .set({ heldJob: null })
      .where(sql`id = ${seen.scheduleId} AND held_job = ${jobId} AND ${released}`),
  );
}

/** A released forget is on its way: the odd times that were in view at `seenAtMs` are believed from now on. */
export async function recordVouched(db: Database, group: SnapshotGroup, seenAtMs: number): Promise<void> {
  await vouch(db, group, seenAtMs, sql`1`);
}

/** The plan that is held is out of date: the fleet clock makes it anew. */
export async function recordRetentionDue(db: Database, seen: Retained, nowMs: number): Promise<void> {
  await db
    .update(schedules)
    .set({ firesAt: nowMs })
    .where(sql`id = ${seen.scheduleId} AND held_job IS NOT NULL`);
}

/** The host's relay refused a released forget: it is held again, as long as no relay has spoken of it. */
export async function recordReleaseUndone(
  db: Database,
  scheduleId: string,
  job: Pick<JobResource, "id" | "createdAtMs">,
): Promise<void> {
  await db.batch([
    db
      .update(jobs)
      .set({ state: "held", releasedBy: null, notAfter: null, createdAt: job.createdAtMs })
      .where(sql`id = ${job.id} AND state = 'queued' AND fact_no = 0`),
    db
      .update(schedules)
      .set({ heldJob: job.id })
      .where(sql`id = ${scheduleId} AND held_job IS NULL AND changes() > 0`),
  ]);
}

/** Someone discards a held forget: it ends as cancelled. False when it is no longer held. */
export async function recordHeldDiscarded(
  db: Database,
  job: Pick<JobResource, "id" | "scheduleId">,
  askedBy: string,
  audit: AuditEntry,
  at: At,
): Promise<boolean> {
  const jobId = job.id;
  return run(
    db,
    db
      .update(jobs)
      .set({ state: "cancelled", cancelAskedAt: at.nowMs, cancelAskedBy: askedBy, receivedAt: at.nowMs })
      .where(sql`id = ${jobId} AND state = 'held'`),
    auditStatement(db, audit, { ...at, ifChanged: true }),
    db
      .update(schedules)
      .set({ heldJob: null })
      .where(sql`id = ${job.scheduleId ?? null} AND held_job = ${jobId}`),
  );
}
