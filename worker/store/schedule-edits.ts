import { eq, sql, type SQL } from "drizzle-orm";
import type { ScheduleRuns } from "../../core/hosts/after-verdict.ts";
import type { RandomBytes } from "../../core/ids.ts";
import { nextFire } from "../../core/schedule/next-fire.ts";
import type { TimedSchedule } from "../../core/schedule/late.ts";
import { spreadMs } from "../../core/schedule/spread.ts";
import { MAX_SCHEDULES } from "../../protocol/limits.ts";
import type { ScheduleInput } from "../../protocol/schedule.ts";
import type { Database } from "../bindings.ts";
import { auditStatement, type AuditEntry } from "./audit.ts";
import { insertWhere } from "./insert-where.ts";
import { dueColumns } from "./kept.ts";
import { columnsOf } from "./schedule-columns.ts";
import { hosts, jobs, schedules } from "./schema.ts";
import { timedOfRow, type ScheduleRow } from "./schedules.ts";
import { refreshSeverityStatement } from "./severity.ts";

/** An edit that meets another of the same host is decided anew; more than this many in a row are refused. */
const MAX_ATTEMPTS = 5;

interface At {
  nowMs: number;
  random: RandomBytes;
}

/** A host as an edit of its schedules reads it: what is written depends on all of it. */
interface HostRead {
  scheduleVersion: number;
  runs: ScheduleRuns;
  runsText: string;
  lastGoodBackupAtMs: number | null;
  rows: ScheduleRow[];
}

async function readHost(db: Database, hostId: string): Promise<HostRead | null> {
  // One batch: rows older than the version that guards the edit must not come with it.
  const [[host], rows] = await db.batch([
    db
      .select({
        scheduleVersion: hosts.scheduleVersion,
        runsText: hosts.scheduleRuns,
        lastGoodBackupAtMs: hosts.lastGoodBackupAt,
      })
      .from(hosts)
      .where(eq(hosts.id, hostId))
      .limit(1),
    db.select().from(schedules).where(eq(schedules.hostId, hostId)).orderBy(schedules.id),
  ]);
  return host ? { ...host, runs: JSON.parse(host.runsText) as ScheduleRuns, rows } : null;
}

/** Whether the host is still as it was read. */
function isUnchanged(hostId: string, host: HostRead): SQL {
  return sql`EXISTS (SELECT 1 FROM hosts h WHERE h.id = ${hostId} AND h.schedule_version = ${host.scheduleVersion}
    AND h.schedule_runs = ${host.runsText} AND h.last_good_backup_at IS ${host.lastGoodBackupAtMs})`;
}

/** The host after the edit: a new set of schedules, and what follows from it for when its backups are due. */
function hostStatement(db: Database, hostId: string, host: HostRead, timed: TimedSchedule[], won: SQL, nowMs: number) {
  const { plannedSinceMs, ...due } = dueColumns(timed, host.runs, host.lastGoodBackupAtMs, nowMs);
  return db
    .update(hosts)
    .set({
      ...due,
      scheduleVersion: host.scheduleVersion + 1,
      // An edit does not begin the plan anew: days that were missed before it stay missed.
      plannedSince: plannedSinceMs === null ? null : sql`coalesce(planned_since, ${plannedSinceMs})`,
    })
    .where(sql`${hosts.id} = ${hostId} AND schedule_version = ${host.scheduleVersion} AND ${won}`);
}

/** When the server's clock fires a forget or prune next, ms UTC; null for what it does not fire. */
function serverFireMs(id: string, input: ScheduleInput, nowMs: number): number | null {
  if (input.kind !== "forget" && input.kind !== "prune") return null;
  if (!input.enabled || input.manual || input.cron === undefined || input.timeZone === undefined) return null;
  const nominalMs = nextFire({ cron: input.cron, timeZone: input.timeZone }, nowMs);
  return nominalMs === null ? null : nominalMs + spreadMs(id, input.spreadMinutes);
}

/** When the clock looks at an edited schedule next. What waits for its host goes on waiting, unless its times changed. */
function firesAfterEdit(row: ScheduleRow, input: ScheduleInput, isConfirmed: boolean, nowMs: number): number | null {
  if (input.kind === "backup") {
    if (input.retention === null) return null;
    // A plan that an administrator confirmed is carried out, and one that is held is made anew by the new rules.
    if (isConfirmed) return nowMs;
    if (!input.enabled) return null;
    return row.heldJob === null ? row.firesAt : nowMs;
  }
  return isTimedAlike(row, input) && row.firesAt !== null ? row.firesAt : serverFireMs(row.id, input, nowMs);
}

/** Whether an edit leaves the times at which a schedule fires. */
function isTimedAlike(row: ScheduleRow, input: ScheduleInput): boolean {
  return (
    row.cron === (input.cron ?? null) &&
    row.timeZone === (input.timeZone ?? null) &&
    row.spreadMinutes === input.spreadMinutes &&
    row.manual === (input.manual ? 1 : 0) &&
    row.enabled === (input.enabled ? 1 : 0)
  );
}

export type EditOutcome = "done" | "no-host" | "no-schedule" | "no-repository" | "changed" | "too-many";

/** Adds a schedule to a host that has fewer than 50. The repository must be the host's. */
export async function recordScheduleAdded(
  db: Database,
  hostId: string,
  scheduleId: string,
  input: ScheduleInput,
  audit: AuditEntry,
  at: At,
): Promise<EditOutcome> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const host = await readHost(db, hostId);
    if (!host) return "no-host";
    if (host.rows.length >= MAX_SCHEDULES) return "too-many";
    if (!(await isOwnRepository(db, hostId, input.repositoryId))) return "no-repository";
    const added: TimedSchedule = { ...input, id: scheduleId, timedAtMs: at.nowMs };
    const [inserted] = await db.batch([
      insertWhere(
        db,
        schedules,
        {
          ...columnsOf(input),
          id: scheduleId,
          hostId,
          kind: input.kind,
          createdAt: at.nowMs,
          updatedAt: at.nowMs,
          timedAt: at.nowMs,
          firesAt: serverFireMs(scheduleId, input, at.nowMs),
        },
        sql`${isUnchanged(hostId, host)} AND ${ownRepository(hostId, input.repositoryId)}`,
      ),
      auditStatement(db, audit, { ...at, ifChanged: true }),
      hostStatement(
        db,
        hostId,
        host,
        [...host.rows.map(timedOfRow), added],
        sql`EXISTS (SELECT 1 FROM schedules WHERE id = ${scheduleId})`,
        at.nowMs,
      ),
      refreshSeverityStatement(db, sql`${hosts.id} = ${hostId}`, at.nowMs),
    ]);
    if (inserted.meta.changes > 0) return "done";
  }
  return "changed";
}

export interface ScheduleEdit {
  hostId: string;
  scheduleId: string;
  /** The version that was read. */
  version: number;
  input: ScheduleInput;
  /** Fingerprint of a plan that an administrator confirmed: carried out once, unheld. */
  confirmPlan: string | null;
}

/** Replaces a schedule, if it is still of that version. Its kind stays. */
export async function recordScheduleEdited(
  db: Database,
  edit: ScheduleEdit,
  audit: AuditEntry,
  at: At,
): Promise<EditOutcome> {
  const { hostId, scheduleId, version, input, confirmPlan } = edit;
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const host = await readHost(db, hostId);
    if (!host) return "no-host";
    const row = host.rows.find(({ id }) => id === scheduleId);
    if (!row) return "no-schedule";
    if (row.version !== version) return "changed";
    if (!(await isOwnRepository(db, hostId, input.repositoryId))) return "no-repository";
    const timedAtMs = isTimedAlike(row, input) ? (row.timedAt ?? row.updatedAt) : at.nowMs;
    const edited: TimedSchedule = { ...input, id: scheduleId, timedAtMs };
    const columns = columnsOf(input);
    // A plan that was confirmed under other rules is confirmed no longer.
    const isOtherRetention = columns.retention !== row.retention || columns.repositoryId !== row.repositoryId;
    // The clock makes no plan of a schedule that is switched off, so a held one could never be brought up to date.
    const isRetaining = input.kind === "backup" && input.retention !== null && input.enabled;
    const isUnheld = row.heldJob !== null && !isRetaining;
    const won = sql`EXISTS (SELECT 1 FROM schedules WHERE id = ${scheduleId} AND version = ${version + 1})`;
    const [updated] = await db.batch([
      db
        .update(schedules)
        .set({
          ...columns,
          version: version + 1,
          updatedAt: at.nowMs,
          timedAt: timedAtMs,
          firesAt: firesAfterEdit(row, input, confirmPlan !== null, at.nowMs),
          ...(confirmPlan !== null || isOtherRetention ? { releasedPlan: confirmPlan } : {}),
          ...(isUnheld ? { heldJob: null } : {}),
        })
        // What the fleet clock may change in between is part of what was decided here.
        .where(
          sql`id = ${scheduleId} AND host_id = ${hostId} AND version = ${version} AND fires_at IS ${row.firesAt}
            AND held_job IS ${row.heldJob} AND ${isUnchanged(hostId, host)} AND ${ownRepository(hostId, input.repositoryId)}`,
        ),
      auditStatement(db, audit, { ...at, ifChanged: true }),
      hostStatement(
        db,
        hostId,
        host,
        host.rows.map((other) => (other.id === scheduleId ? edited : timedOfRow(other))),
        won,
        at.nowMs,
      ),
      refreshSeverityStatement(db, sql`${hosts.id} = ${hostId}`, at.nowMs),
      ...(isUnheld ? [dropHeldStatement(db, row.heldJob!, won, at.nowMs)] : []),
    ]);
    if (updated.meta.changes > 0) return "done";
  }
  return "changed";
}

/** Removes a schedule, if it is still of that version; a forget that the guard holds for it is cancelled. */
export async function recordScheduleRemoved(
  db: Database,
  removal: { hostId: string; scheduleId: string; version: number },
  audit: AuditEntry,
  at: At,
): Promise<EditOutcome> {
  const { hostId, scheduleId, version } = removal;
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const host = await readHost(db, hostId);
    if (!host) return "no-host";
    const row = host.rows.find(({ id }) => id === scheduleId);
    if (!row) return "no-schedule";
    if (row.version !== version) return "changed";
    const gone = sql`NOT EXISTS (SELECT 1 FROM schedules WHERE id = ${scheduleId})`;
    const [removed] = await db.batch([
      db.delete(schedules).where(
        sql`id = ${scheduleId} AND host_id = ${hostId} AND version = ${version} AND held_job IS ${row.heldJob}
            AND ${isUnchanged(hostId, host)}`,
      ),
      auditStatement(db, audit, { ...at, ifChanged: true }),
      hostStatement(db, hostId, host, host.rows.filter(({ id }) => id !== scheduleId).map(timedOfRow), gone, at.nowMs),
      refreshSeverityStatement(db, sql`${hosts.id} = ${hostId}`, at.nowMs),
      ...(row.heldJob === null ? [] : [dropHeldStatement(db, row.heldJob, gone, at.nowMs)]),
    ]);
    if (removed.meta.changes > 0) return "done";
  }
  return "changed";
}

/** No relay knows a held job, so its row is ended here. */
function dropHeldStatement(db: Database, jobId: string, won: SQL, nowMs: number) {
  return db
    .update(jobs)
    .set({ state: "cancelled", receivedAt: nowMs })
    .where(sql`${jobs.id} = ${jobId} AND state = 'held' AND ${won}`);
}

function ownRepository(hostId: string, repositoryId: string): SQL {
  return sql`EXISTS (SELECT 1 FROM repositories r WHERE r.id = ${repositoryId} AND r.host_id = ${hostId})`;
}

async function isOwnRepository(db: Database, hostId: string, repositoryId: string): Promise<boolean> {
  const rows = await db.select({ id: hosts.id }).from(hosts).where(ownRepository(hostId, repositoryId)).limit(1);
  return rows.length > 0;
}
