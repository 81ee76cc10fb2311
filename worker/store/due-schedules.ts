import { and, eq, sql, type SQL } from "drizzle-orm";
import type { Database } from "../bindings.ts";
import { waitsForForget } from "./forgets.ts";
import { insertWhere } from "./insert-where.ts";
import { openJobs, queuedJobRow, type NewJob } from "./jobs.ts";
import { hosts, jobs, repositories, schedules } from "./schema.ts";
import type { ScheduleRow } from "./schedules.ts";

export type DueSchedule = ScheduleRow & { firesAt: number };

/** The order in which due schedules are worked through. */
export type DueKey = readonly [firesAtMs: number, id: string];

/** Forget schedules, or all others, that are due and whose host can take a job, longest due first; the rest stay due. */
export async function listDueSchedules(
  db: Database,
  nowMs: number,
  which: "forget" | "others",
  after: DueKey | null,
  limit: number,
): Promise<DueSchedule[]> {
  const rows = await db
    .select({ schedule: schedules })
    .from(schedules)
    .innerJoin(hosts, eq(hosts.id, schedules.hostId))
    .where(
      and(
        sql`${schedules.firesAt} <= ${nowMs} AND ${schedules.enabled} = 1 AND ${hosts.online} = 1 AND ${hosts.locked} = 0`,
        which === "forget"
          ? sql`${schedules.kind} = 'forget'`
          : sql`${schedules.kind} <> 'forget' AND NOT ${isUnderWay(nowMs)}`,
        after ? sql`(${schedules.firesAt}, ${schedules.id}) > (${after[0]}, ${after[1]})` : undefined,
      ),
    )
    .orderBy(schedules.firesAt, schedules.id)
    .limit(limit);
  return rows.map(({ schedule }) => schedule as DueSchedule);
}

/**
 * Whether what a due schedule would fire is under way already: a prune of its repository, or a forget of its snapshots.
 * It stays due and fires once when that has ended. A condition over a row of schedules.
 */
function isUnderWay(nowMs: number): SQL {
  return sql`EXISTS (SELECT 1 FROM jobs WHERE ${openJobs(sql`schedules.host_id`, nowMs)} AND CASE schedules.kind
    WHEN 'prune' THEN jobs.kind = 'prune' AND jobs.repository_id = schedules.repository_id
    WHEN 'backup' THEN jobs.kind = 'forget' AND jobs.schedule_id = schedules.id END)`;
}

/** Moves a schedule on, if it is still due as it was read: of two passes at once the second changes nothing. */
function moved(db: Database, due: DueSchedule, nextAtMs: number | null, also: SQL = sql`1`) {
  return db
    .update(schedules)
    .set({ firesAt: nextAtMs })
    .where(sql`id = ${due.id} AND version = ${due.version} AND fires_at = ${due.firesAt} AND ${also}`);
}

/** A fire that is left out. */
export async function recordFireSkipped(db: Database, due: DueSchedule, nextAtMs: number | null): Promise<void> {
  await moved(db, due, nextAtMs);
}

/** One fire is one job, however often it comes. False when another pass fired it, or the like of it is under way. */
export async function recordFired(
  db: Database,
  due: DueSchedule,
  nextAtMs: number | null,
  job: NewJob,
  nowMs: number,
): Promise<boolean> {
  const [, inserted] = await db.batch([
    moved(db, due, nextAtMs, sql`NOT ${isUnderWay(nowMs)}`),
    insertWhere(db, jobs, queuedJobRow(job, nowMs), sql`changes() > 0`).onConflictDoNothing(),
  ]);
  return inserted.meta.changes > 0;
}

/** A forget schedule fires: the retentions that wait for it are due from now on, each to be planned by itself. */
export async function recordForgetFired(
  db: Database,
  due: DueSchedule,
  nextAtMs: number | null,
  nowMs: number,
): Promise<void> {
  await db.batch([
    moved(db, due, nextAtMs),
    db
      .update(schedules)
      .set({ firesAt: nowMs })
      .where(sql`${waitsForForget(due.hostId, due.repositoryId)} AND changes() > 0`),
  ]);
}

export interface Unmeasured {
  repositoryId: string;
  hostId: string;
  statsAskedAtMs: number;
}

/** Repositories with a backup since they were last measured, not asked after `askedBeforeMs`, whose host is there. */
export async function listUnmeasured(db: Database, askedBeforeMs: number, limit: number): Promise<Unmeasured[]> {
  return db
    .select({ repositoryId: repositories.id, hostId: hosts.id, statsAskedAtMs: repositories.statsAskedAt })
    .from(repositories)
    .innerJoin(hosts, eq(hosts.id, repositories.hostId))
    .where(
      sql`${repositories.statsAskedAt} <= ${askedBeforeMs} AND ${hosts.online} = 1 AND ${hosts.locked} = 0
        AND ${hosts.lastGoodBackupAt} > coalesce(${repositories.measuredAt}, 0)`,
    )
    .orderBy(repositories.statsAskedAt)
    .limit(limit);
}

/** The server asks for a measurement, once. False when another pass did. */
export async function recordStatsAsked(db: Database, seen: Unmeasured, job: NewJob, nowMs: number): Promise<boolean> {
  const [, inserted] = await db.batch([
    db
      .update(repositories)
      .set({ statsAskedAt: nowMs })
      .where(sql`id = ${seen.repositoryId} AND stats_asked_at = ${seen.statsAskedAtMs}`),
    insertWhere(db, jobs, queuedJobRow(job, nowMs), sql`changes() > 0`),
  ]);
  return inserted.meta.changes > 0;
}
