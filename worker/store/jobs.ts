import { and, desc, eq, sql, type SQL } from "drizzle-orm";
import type { RandomBytes } from "../../core/ids.ts";
import type { JobResource } from "../../protocol/api.ts";
import type { Failure } from "../../protocol/failure.ts";
import type { JobState } from "../../protocol/stream.ts";
import type { BackupSummary, JobKind, JobSpec } from "../../protocol/wire.ts";
import type { Database } from "../bindings.ts";
import { auditStatement, type AuditEntry } from "./audit.ts";
import { insertWhere } from "./insert-where.ts";
import { hosts, jobs } from "./schema.ts";

/** How far back an earlier request of the same schedule is looked for: a queued job is settled long before. */
const SAME_SCHEDULE_WITHIN_MS = 24 * 3600_000;

function selectJobs(db: Database) {
  return db.select({ job: jobs, hostName: hosts.name }).from(jobs).innerJoin(hosts, eq(hosts.id, jobs.hostId));
}
export type JobRow = Awaited<ReturnType<typeof selectJobs>>[number];

export function jobResource({ job, hostName }: JobRow): JobResource {
  return {
    id: job.id,
    hostId: job.hostId,
    hostName,
    kind: job.kind,
    state: job.state,
    source: job.source,
    ...(job.scheduleId === null ? {} : { scheduleId: job.scheduleId }),
    ...(job.scheduleName === null ? {} : { scheduleName: job.scheduleName }),
    ...(job.repositoryId === null ? {} : { repositoryId: job.repositoryId }),
    ...(job.askedBy === null ? {} : { askedBy: job.askedBy }),
    ...(job.cancelAskedAt === null ? {} : { cancelAskedAtMs: job.cancelAskedAt }),
    ...(job.cancelAskedBy === null ? {} : { cancelAskedBy: job.cancelAskedBy }),
    createdAtMs: job.createdAt,
    ...(job.startedAt === null ? {} : { startedAtMs: job.startedAt }),
    ...(job.finishedAt === null ? {} : { finishedAtMs: job.finishedAt }),
    ...(job.receivedAt === null ? {} : { receivedAtMs: job.receivedAt }),
    warnings: job.warnings,
    missed: job.missed,
    ...(job.failure === null ? {} : { failure: JSON.parse(job.failure) as Failure }),
    ...(job.lastError === null ? {} : { lastError: job.lastError }),
    ...(job.summary === null ? {} : { summary: JSON.parse(job.summary) as BackupSummary }),
    ...(job.resticVersion === null ? {} : { resticVersion: job.resticVersion }),
  };
}

export async function loadJob(db: Database, jobId: string): Promise<JobResource | null> {
  const rows = await selectJobs(db).where(eq(jobs.id, jobId)).limit(1);
  return rows[0] ? jobResource(rows[0]) : null;
}

/** The host a job belongs to; null for an unknown job. */
export async function findJobHost(db: Database, jobId: string): Promise<string | null> {
  const rows = await db.select({ hostId: jobs.hostId }).from(jobs).where(eq(jobs.id, jobId)).limit(1);
  return rows[0]?.hostId ?? null;
}

export interface JobFilter {
  hostId?: string | undefined;
  state?: JobState | undefined;
  kind?: JobKind | undefined;
}

/** Jobs newest first; `after` is the (created_at, id) of the row before. At most `limit`. */
export async function listJobRows(
  db: Database,
  filter: JobFilter,
  after: readonly [number, string] | null,
  limit: number,
): Promise<JobRow[]> {
  const where: SQL[] = [];
  if (filter.hostId !== undefined) where.push(eq(jobs.hostId, filter.hostId));
  if (filter.state !== undefined) where.push(eq(jobs.state, filter.state));
  if (filter.kind !== undefined) where.push(eq(jobs.kind, filter.kind));
  if (after) where.push(sql`(${jobs.createdAt}, ${jobs.id}) < (${after[0]}, ${after[1]})`);
  return selectJobs(db)
    .where(and(...where))
    .orderBy(desc(jobs.createdAt), desc(jobs.id))
    .limit(limit);
}

export interface NewJob {
  id: string;
  hostId: string;
  spec: JobSpec;
  scheduleName: string | null;
  askedBy: string;
  notAfterMs: number;
}

/**
 * A job someone asked for, queued and not yet offered to the relay. False when the host is gone, or when the same
 * schedule already waits on it.
 */
export async function recordJobAsked(
  db: Database,
  job: NewJob,
  audit: AuditEntry,
  at: { nowMs: number; random: RandomBytes },
): Promise<boolean> {
  const scheduleId = job.spec.kind === "backup" ? job.spec.scheduleId : null;
  const waiting = sql`EXISTS (SELECT 1 FROM ${jobs} WHERE host_id = ${job.hostId} AND created_at > ${at.nowMs - SAME_SCHEDULE_WITHIN_MS}
    AND state = 'queued' AND schedule_id = ${scheduleId})`;
  const [inserted] = await db.batch([
    insertWhere(
      db,
      jobs,
      {
        id: job.id,
        hostId: job.hostId,
        kind: job.spec.kind,
        state: "queued",
        source: "asked",
        spec: JSON.stringify(job.spec),
        scheduleId,
        scheduleName: job.scheduleName,
        repositoryId: job.spec.repositoryId,
        askedBy: job.askedBy,
        notAfter: job.notAfterMs,
        createdAt: at.nowMs,
      },
      sql`EXISTS (SELECT 1 FROM ${hosts} WHERE id = ${job.hostId}) AND NOT ${waiting}`,
    ),
    auditStatement(db, audit, { ...at, ifChanged: true }),
  ]);
  return inserted.meta.changes > 0;
}

/** Notes who asked to cancel, once. False when it was asked before, or the job has ended. */
export async function recordCancelAsked(
  db: Database,
  jobId: string,
  askedBy: string,
  audit: AuditEntry,
  at: { nowMs: number; random: RandomBytes },
): Promise<boolean> {
  const [asked] = await db.batch([
    db
      .update(jobs)
      .set({ cancelAskedAt: at.nowMs, cancelAskedBy: askedBy })
      .where(sql`id = ${jobId} AND cancel_asked_at IS NULL AND state NOT IN ('succeeded', 'failed', 'cancelled')`),
    auditStatement(db, audit, { ...at, ifChanged: true }),
  ]);
  return asked.meta.changes > 0;
}

/**
 * Settles a job that no relay took. The relay alone decides a job's state, so this holds only while it has said
 * nothing (fact_no 0), and anything it says later wins. True when the row changed.
 */
export async function recordJobNotTaken(
  db: Database,
  jobId: string,
  failure: Failure,
  nowMs: number,
): Promise<boolean> {
  const settled = await db
    .update(jobs)
    .set({ state: "failed", failure: JSON.stringify(failure), receivedAt: nowMs })
    .where(and(eq(jobs.id, jobId), eq(jobs.factNo, 0), eq(jobs.state, "queued")));
  return settled.meta.changes > 0;
}

export interface UnansweredJob {
  id: string;
  hostId: string;
  spec: JobSpec;
  notAfterMs: number;
  createdAtMs: number;
  cancelAsked: boolean;
}

/** Queued jobs made after `sinceMs` of which no relay has said anything yet, oldest first. */
export async function listUnansweredJobs(db: Database, sinceMs: number, limit: number): Promise<UnansweredJob[]> {
  const rows = await db
    .select()
    .from(jobs)
    .where(sql`created_at > ${sinceMs} AND fact_no = 0 AND state = 'queued' AND spec IS NOT NULL`)
    .orderBy(jobs.createdAt, jobs.id)
    .limit(limit);
  return rows.map((row) => ({
    id: row.id,
    hostId: row.hostId,
    spec: JSON.parse(row.spec!) as JobSpec,
    notAfterMs: row.notAfter ?? row.createdAt,
    createdAtMs: row.createdAt,
    cancelAsked: row.cancelAskedAt !== null,
  }));
}
