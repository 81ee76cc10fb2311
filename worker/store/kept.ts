import { eq, sql, type SQL } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import {
  afterVerdict,
  type EndedDay,
  type HostKept,
  type RunSchedule,
  type ScheduleRuns,
} from "../../core/hosts/after-verdict.ts";
import { protectedUntilMs } from "../../core/hosts/status.ts";
import type { JobFact } from "../../core/relay/facts.ts";
import { hostDue, type TimedSchedule } from "../../core/schedule/late.ts";
import type { Database } from "../bindings.ts";
import { hostDays, hosts, jobs, schedules } from "./schema.ts";

type Statement = BatchItem<"sqlite">;

/** When the next backup is due, and until when the host counts as protected. */
export function dueColumns(
  timed: readonly TimedSchedule[],
  runs: ScheduleRuns,
  lastGoodBackupAtMs: number | null,
  nowMs: number,
): { nextDueAt: number | null; protectedUntil: number | null; plannedSinceMs: number | null } {
  const due = hostDue(timed, runs, nowMs);
  return {
    nextDueAt: due.nextDueAtMs,
    protectedUntil: due.protectedUntilMs ?? protectedUntilMs(lastGoodBackupAtMs),
    plannedSinceMs: due.plannedSinceMs,
  };
}

/** What the verdicts of one batch change of their host. Decided from what was read: `holds` says whether it still is. */
export interface KeptWrites {
  /** Answers a row while the host is as it was read. Comes first, for in a batch nothing comes in between. */
  holds: Statement;
  statements: Statement[];
}

/**
 * The kept columns of a host after these verdicts, its days that ended with them, and the schedules whose retention
 * follows a backup. Null when they change nothing. Verdicts of another host's jobs count for nothing.
 */
export async function keptWrites(
  db: Database,
  hostId: string,
  verdicts: readonly JobFact[],
  snapshotCount: SQL,
  nowMs: number,
): Promise<KeptWrites | null> {
  const [[host], rows, foreign] = await db.batch([
    db
      .select({
        lastBackupAt: hosts.lastBackupAt,
        lastBackupJob: hosts.lastBackupJob,
        lastBackupOutcome: hosts.lastBackupOutcome,
        lastBackupDurationMs: hosts.lastBackupDurationMs,
        lastBackupAddedBytes: hosts.lastBackupAddedBytes,
        lastGoodBackupAt: hosts.lastGoodBackupAt,
        sizeBytes: hosts.sizeBytes,
        dayOutcome: hosts.dayOutcome,
        scheduleRuns: hosts.scheduleRuns,
        scheduleVersion: hosts.scheduleVersion,
      })
      .from(hosts)
      .where(eq(hosts.id, hostId)),
    db
      .select({
        id: schedules.id,
        kind: schedules.kind,
        repositoryId: schedules.repositoryId,
        enabled: schedules.enabled,
        manual: schedules.manual,
        cron: schedules.cron,
        timeZone: schedules.timeZone,
        spreadMinutes: schedules.spreadMinutes,
        timedAtMs: sql<number>`coalesce(timed_at, updated_at)`,
        retainsWhen: sql<string | null>`json_extract(retention, '$.when')`,
      })
      .from(schedules)
      .where(eq(schedules.hostId, hostId)),
    db
      .select({ id: jobs.id })
      .from(jobs)
      .where(
        sql`id IN (SELECT value FROM json_each(${JSON.stringify(verdicts.map(({ jobId }) => jobId))})) AND host_id <> ${hostId}`,
      ),
  ]);
  if (!host) return null;
  const own = rows.map((row): TimedSchedule & RunSchedule & { retainsWhen: string | null } => ({
    ...row,
    enabled: row.enabled === 1,
    manual: row.manual === 1,
    forgetsBySchedule: row.retainsWhen === "forget_schedule",
  }));
  const before: HostKept = {
    lastBackupAtMs: host.lastBackupAt,
    lastBackupJob: host.lastBackupJob,
    lastBackupOutcome: host.lastBackupOutcome,
    lastBackupDurationMs: host.lastBackupDurationMs,
    lastBackupAddedBytes: host.lastBackupAddedBytes,
    lastGoodBackupAtMs: host.lastGoodBackupAt,
    sizeBytes: host.sizeBytes,
    dayOutcome: host.dayOutcome,
    runs: JSON.parse(host.scheduleRuns) as ScheduleRuns,
  };
  let kept = before;
  const ended: EndedDay[] = [];
  for (const fact of verdicts) {
    if (foreign.some(({ id }) => id === fact.jobId)) continue;
    const after = afterVerdict(kept, fact, own);
    // The first day to end is written by the trigger on hosts, unless these verdicts changed it before.
    if (after.ended && (after.ended.late || !isSameDay(before, kept))) ended.push(after.ended);
    kept = after.kept;
  }
  if (kept === before && ended.length === 0) return null;
  const guard = isAs(hostId, host.scheduleVersion, before, host.scheduleRuns);
  const statements: Statement[] = [];
  const backedUp = own.filter(
    ({ id, kind, enabled, retainsWhen }) =>
      kind === "backup" &&
      enabled &&
      retainsWhen === "after_backup" &&
      (kept.runs[id]?.[3] ?? null) !== (before.runs[id]?.[3] ?? null),
  );
  if (backedUp.length > 0) {
    statements.push(
      db
        .update(schedules)
        .set({ firesAt: nowMs })
        .where(
          sql`id IN (SELECT value FROM json_each(${JSON.stringify(backedUp.map(({ id }) => id))}))
            AND (fires_at IS NULL OR fires_at > ${nowMs}) AND EXISTS (SELECT 1 FROM hosts WHERE ${guard})`,
        ),
    );
  }
  let runs = host.scheduleRuns;
  if (kept !== before) {
    const { nextDueAt, protectedUntil } = dueColumns(own, kept.runs, kept.lastGoodBackupAtMs, nowMs);
    const known = new Set(own.map(({ id }) => id));
    runs = JSON.stringify(Object.fromEntries(Object.entries(kept.runs).filter(([id]) => known.has(id))));
    statements.push(
      db
        .update(hosts)
        .set({
          lastBackupAt: kept.lastBackupAtMs,
          lastBackupJob: kept.lastBackupJob,
          lastBackupOutcome: kept.lastBackupOutcome,
          lastBackupDurationMs: kept.lastBackupDurationMs,
          lastBackupAddedBytes: kept.lastBackupAddedBytes,
          lastGoodBackupAt: kept.lastGoodBackupAtMs,
          sizeBytes: kept.sizeBytes,
          dayOutcome: kept.dayOutcome,
          scheduleRuns: runs,
          nextDueAt,
          protectedUntil,
          snapshotCount,
        })
        .where(guard),
    );
  }
  // After the trigger on hosts, which writes the day that ended as the row had it.
  const ifWon = sql`EXISTS (SELECT 1 FROM hosts WHERE ${isAs(hostId, host.scheduleVersion, kept, runs)})`;
  for (const late of [false, true]) {
    const days = ended.filter((day) => day.late === late);
    if (days.length > 0) statements.push(endedDaysStatement(db, hostId, days, late, ifWon));
  }
  return { holds: db.select({ id: hosts.id }).from(hosts).where(guard), statements };
}

/** Whether the host's row is as it was read or written: its schedules, and what its verdicts decide. */
function isAs(hostId: string, scheduleVersion: number, kept: HostKept, runs: string): SQL {
  return sql`hosts.id = ${hostId} AND schedule_version = ${scheduleVersion} AND schedule_runs = ${runs}
    AND last_backup_at IS ${kept.lastBackupAtMs} AND last_backup_job IS ${kept.lastBackupJob}
    AND last_good_backup_at IS ${kept.lastGoodBackupAtMs} AND day_outcome = ${kept.dayOutcome}`;
}

/** Whether both name the same last backup, so that the trigger on hosts writes its day as it ended. */
function isSameDay(before: HostKept, kept: HostKept): boolean {
  return (
    before.lastBackupJob === kept.lastBackupJob &&
    before.sizeBytes === kept.sizeBytes &&
    before.dayOutcome === kept.dayOutcome
  );
}

/** Days that are over. Of a day that was known before a late verdict, that may change the outcome alone. */
function endedDaysStatement(db: Database, hostId: string, days: readonly EndedDay[], late: boolean, ifWon: SQL) {
  const field = (name: string) => sql`json_extract(ended.value, ${`$.${name}`})`;
  const known = {
    durationMs: sql`excluded.duration_ms`,
    addedBytes: sql`excluded.added_bytes`,
    sizeBytes: sql`excluded.size_bytes`,
  };
  return db
    .insert(hostDays)
    .select(
      sql`SELECT ${hostId}, ${field("day")}, ${field("outcome")}, ${field("durationMs")}, ${field("addedBytes")},
        ${field("sizeBytes")}, NULL FROM json_each(${JSON.stringify(days)}) AS ended WHERE ${ifWon}`,
    )
    .onConflictDoUpdate({
      target: [hostDays.hostId, hostDays.day],
      set: { outcome: sql`max(outcome, excluded.outcome)`, ...(late ? {} : known) },
      ...(late ? { setWhere: sql`outcome < excluded.outcome` } : {}),
    });
}
