import { and, desc, eq, sql, type SQL } from "drizzle-orm";
import type { RandomBytes } from "../../core/ids.ts";
import type { JobResource } from "../../protocol/api.ts";
import type { Failure } from "../../protocol/failure.ts";
import type { JobState } from "../../protocol/stream.ts";
import { scheduleOf, type BackupSummary, type JobKind, type JobResult, type JobSpec } from "../../protocol/wire.ts";
import type { Database } from "../bindings.ts";
import { auditStatement, type AuditEntry } from "./audit.ts";
import { builtOnce } from "./built-once.ts";
import { insertWhere, type RowOrSql } from "./insert-where.ts";
import { hosts, jobs, schedules } from "./schema.ts";

/** How far back a job that is under way is looked for: no restic runs longer. */
const OPEN_WITHIN_MS = 7 * 24 * 3600_000;

/** A host's jobs that wait, run, or whose host is silent. */
export function openJobs(hostId: SQL | string, nowMs: number): SQL {
  return sql`host_id = ${hostId} AND created_at > ${nowMs - OPEN_WITHIN_MS} AND state IN ('queued', 'running', 'unknown')`;
}

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
    ...(job.nominalAt === null ? {} : { nominalAtMs: job.nominalAt }),
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
    ...(job.result === null ? {} : { result: JSON.parse(job.result) as JobResult }),
    ...(job.held === null ? {} : { held: JSON.parse(job.held) as NonNullable<JobResource["held"]> }),
    ...(job.releasedBy === null ? {} : { releasedBy: job.releasedBy }),
    ...(job.resticVersion === null ? {} : { resticVersion: job.resticVersion }),
  };
}

const jobQuery = builtOnce((db) =>
  selectJobs(db)
    .where(eq(jobs.id, sql.placeholder("jobId")))
    .limit(1)
    .prepare(),
);

export async function loadJob(db: Database, jobId: string): Promise<JobResource | null> {
  const rows = await jobQuery(db).all({ jobId });
  return rows[0] ? jobResource(rows[0]) : null;
}

/** The host a job belongs to; null for an unknown job. */
export async function findJobHost(db: Database, jobId: string): Promise<string | null> {
  const rows = await db.select({ hostId: jobs.hostId }).from(jobs).where(eq(jobs.id, jobId)).limit(1);
  return rows[0]?.hostId ?? null;
}

export interface JobFilter {
  hostId?: string | undefined;
  scheduleId?: string | undefined;
  state?: JobState | undefined;
  kind?: JobKind | undefined;
  /** Only jobs made at or after this time. */
  sinceMs?: number | undefined;
  /** Only jobs made before this time. */
  untilMs?: number | undefined;
}

/** (created_at, id): the order of every list of jobs. */
export type JobKey = readonly [createdAtMs: number, id: string];

/** How many jobs one page looks through for those that fit; the next page goes on from there. */
export const JOBS_EXAMINED = 4_000;

/**
 * Jobs newest first, at most `limit`; `after` is the key of the row before. What no index answers alone is looked for
 * in the next JOBS_EXAMINED jobs only: then `examinedTo` is the key after which the rest begins, and the rows may be
 * few or none. A list that goes on has `limit` rows or an `examinedTo`.
 */
export async function listJobRows(
  db: Database,
  filter: JobFilter,
  after: JobKey | null,
  limit: number,
): Promise<{ rows: JobRow[]; examinedTo: JobKey | null }> {
  const { range, rest } = predicatesOf({ ...filter, hostId: filter.hostId ?? (await hostOfSchedule(db, filter)) });
  if (after) range.push(sql`(${jobs.createdAt}, ${jobs.id}) < (${after[0]}, ${after[1]})`);
  let examinedTo: JobKey | null = null;
  if (rest.length > 0) {
    const next = db
      .select({ createdAt: jobs.createdAt, id: jobs.id })
      .from(jobs)
      .where(and(...range))
      .orderBy(desc(jobs.createdAt), desc(jobs.id))
      .limit(JOBS_EXAMINED)
      .as("next");
    const [last] = await db
      .select({ createdAt: next.createdAt, id: next.id, examined: sql<number>`count(*) OVER ()` })
      .from(next)
      .orderBy(next.createdAt, next.id)
      .limit(1);
    if (last?.examined === JOBS_EXAMINED) {
      examinedTo = [last.createdAt, last.id];
      range.push(sql`(${jobs.createdAt}, ${jobs.id}) >= (${last.createdAt}, ${last.id})`);
    }
  }
  const rows = await selectJobs(db)
    .where(and(...range, ...rest))
    .orderBy(desc(jobs.createdAt), desc(jobs.id))
    .limit(limit);
  return { rows, examinedTo };
}

/** The host whose jobs hold those of a schedule; unknown once the schedule is removed, whose jobs are among all. */
async function hostOfSchedule(db: Database, { scheduleId }: JobFilter): Promise<string | undefined> {
  if (scheduleId === undefined) return undefined;
  const rows = await db
    .select({ hostId: schedules.hostId })
    .from(schedules)
    .where(eq(schedules.id, scheduleId))
    .limit(1);
  return rows[0]?.hostId;
}

/** The states that are in jobs_unwell. */
const UNWELL: ReadonlySet<JobState> = new Set(["held", "failed", "cancelled", "unknown"]);

/**
 * The part of a filter that is a range of one index of jobs, and what each row is then asked. SQLite takes a partial
 * index only when the query holds its very condition, so those are written out (sqlite.org/partialindex.html).
 */
function predicatesOf(filter: JobFilter): { range: SQL[]; rest: SQL[] } {
  const { hostId, scheduleId, state, kind, sinceMs, untilMs } = filter;
  const range: SQL[] = [];
  const rest: SQL[] = [];
  const stateIs = state === undefined ? [] : [eq(jobs.state, state)];
  const kindIs = kind === undefined ? [] : [eq(jobs.kind, kind)];
  if (hostId !== undefined) {
    range.push(eq(jobs.hostId, hostId));
    rest.push(...stateIs, ...kindIs);
  } else if (state !== undefined && UNWELL.has(state)) {
    range.push(...stateIs, sql`${jobs.state} NOT IN ('queued', 'running', 'succeeded')`);
    rest.push(...kindIs);
  } else if (kind !== undefined && kind !== "backup") {
    range.push(...kindIs, sql`${jobs.kind} <> 'backup'`);
    rest.push(...stateIs);
  } else {
    rest.push(...stateIs, ...kindIs);
  }
  if (scheduleId !== undefined) rest.push(eq(jobs.scheduleId, scheduleId));
  if (sinceMs !== undefined) range.push(sql`${jobs.createdAt} >= ${sinceMs}`);
  if (untilMs !== undefined) range.push(sql`${jobs.createdAt} < ${untilMs}`);
  return { range, rest };
}

export interface NewJob {
  id: string;
  hostId: string;
  spec: JobSpec;
  scheduleName: string | null;
  source: "asked" | "schedule";
  askedBy: string | null;
  notAfterMs: number;
  /** When the schedule meant it, and how many fires before it were missed; for a job that a clock fired. */
  nominalMs?: number;
  missed?: number;
}

/** The row of a job that waits for its relay. */
export function queuedJobRow(job: NewJob, nowMs: number): RowOrSql<typeof jobs> {
  return {
    id: job.id,
    hostId: job.hostId,
    kind: job.spec.kind,
    state: "queued",
    source: job.source,
    spec: JSON.stringify(job.spec),
    scheduleId: scheduleOf(job.spec),
    scheduleName: job.scheduleName,
    repositoryId: job.spec.repositoryId,
    askedBy: job.askedBy,
    notAfter: job.notAfterMs,
    createdAt: nowMs,
    nominalAt: job.nominalMs ?? null,
    missed: job.missed ?? 0,
  };
}

/**
 * A job someone asked for, queued and not yet offered to the relay. False when the host is gone, or when the same job
 * already waits on it: of the same schedule, or the same kind for a repository.
 */
export async function recordJobAsked(
  db: Database,
  job: NewJob,
  audit: AuditEntry,
  at: { nowMs: number; random: RandomBytes },
): Promise<boolean> {
  const { kind, repositoryId } = job.spec;
  const waiting = sql`EXISTS (SELECT 1 FROM ${jobs} WHERE host_id = ${job.hostId} AND created_at > ${at.nowMs - SAME_SCHEDULE_WITHIN_MS}
    AND state = 'queued' AND kind = ${kind} AND repository_id = ${repositoryId} AND schedule_id IS ${scheduleOf(job.spec)})`;
  const [inserted] = await db.batch([
    insertWhere(
      db,
      jobs,
      queuedJobRow(job, at.nowMs),
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
