import { and, eq } from "drizzle-orm";
import type { ScheduleRuns } from "../../core/hosts/after-verdict.ts";
import { scheduleLate, type TimedSchedule } from "../../core/schedule/late.ts";
import { nextFire } from "../../core/schedule/next-fire.ts";
import { spreadMs } from "../../core/schedule/spread.ts";
import type { ScheduleResource } from "../../protocol/api.ts";
import type { Limits, ReadData, Retention, ScheduleInput } from "../../protocol/schedule.ts";
import type { Refused } from "../../protocol/wire.ts";
import type { Database } from "../bindings.ts";
import { hosts, schedules } from "./schema.ts";

export type ScheduleRow = typeof schedules.$inferSelect;

/** The schedule as a person gives it. */
export function scheduleOfRow(row: ScheduleRow): ScheduleInput {
  const common = {
    name: row.name,
    repositoryId: row.repositoryId,
    enabled: row.enabled === 1,
    manual: row.manual === 1,
    ...(row.cron === null ? {} : { cron: row.cron }),
    ...(row.timeZone === null ? {} : { timeZone: row.timeZone }),
    spreadMinutes: row.spreadMinutes,
    catchUp: row.catchUp,
    limits: JSON.parse(row.limits) as Limits,
  };
  switch (row.kind) {
    case "backup":
      return {
        kind: "backup",
        ...common,
        paths: JSON.parse(row.paths) as string[],
        excludes: JSON.parse(row.excludes) as string[],
        tags: JSON.parse(row.tags) as string[],
        ...(row.fsSnapshot === 1 ? {} : { fsSnapshot: false }),
        retention: row.retention === null ? null : (JSON.parse(row.retention) as Retention),
      };
    case "check":
      return { kind: "check", ...common, readData: JSON.parse(row.readData ?? '{"mode":"none"}') as ReadData };
    case "forget":
    case "prune":
      return { kind: row.kind, ...common };
  }
}

/** What of a schedule decides when it is due. */
export function timedOfRow(row: ScheduleRow): TimedSchedule {
  return {
    id: row.id,
    kind: row.kind,
    enabled: row.enabled === 1,
    manual: row.manual === 1,
    cron: row.cron,
    timeZone: row.timeZone,
    spreadMinutes: row.spreadMinutes,
    timedAtMs: row.timedAt ?? row.updatedAt,
  };
}

/** The first moment after `nowMs` at which a schedule starts, its spread included; null when it fires only by hand. */
export function nextStartMs(
  schedule: Pick<TimedSchedule, "id" | "enabled" | "manual" | "cron" | "timeZone" | "spreadMinutes">,
  nowMs: number,
): number | null {
  const { id, enabled, manual, cron, timeZone, spreadMinutes } = schedule;
  if (!enabled || manual || !cron || !timeZone) return null;
  const spread = spreadMs(id, spreadMinutes);
  const nominalMs = nextFire({ cron, timeZone }, nowMs - spread);
  return nominalMs === null ? null : nominalMs + spread;
}

/** What is known of a host's schedules on its own row. */
interface HostSide {
  runs: ScheduleRuns;
  refused: readonly Refused[];
}

function scheduleResource(row: ScheduleRow, host: HostSide, nowMs: number): ScheduleResource {
  const timed = timedOfRow(row);
  const run = host.runs[row.id];
  const refused = host.refused.find(({ id }) => id === row.id);
  // A forget or prune that waits for its host is due since its time, and says so.
  const isServerFired = row.kind === "forget" || row.kind === "prune";
  const nextRunAtMs = isServerFired && row.firesAt !== null ? row.firesAt : nextStartMs(timed, nowMs);
  return {
    ...scheduleOfRow(row),
    id: row.id,
    version: row.version,
    createdAtMs: row.createdAt,
    updatedAtMs: row.updatedAt,
    ...(nextRunAtMs === null ? {} : { nextRunAtMs }),
    late: scheduleLate(timed, run?.[3] ?? null, nowMs),
    ...(run === undefined
      ? {}
      : { lastRun: { atMs: run[0], outcome: run[1], ...(run[2] === "" ? {} : { jobId: run[2] }) } }),
    hasHooks: row.hooks !== null,
    ...(row.heldJob === null ? {} : { heldJobId: row.heldJob }),
    ...(refused === undefined
      ? {}
      : { refused: { code: refused.code, ...(refused.message === undefined ? {} : { message: refused.message }) } }),
  };
}

/** The rows of a host's schedules in the order they were made. */
export async function listScheduleRows(db: Database, hostId: string): Promise<ScheduleRow[]> {
  return db.select().from(schedules).where(eq(schedules.hostId, hostId)).orderBy(schedules.id);
}

export async function loadScheduleRow(db: Database, hostId: string, scheduleId: string): Promise<ScheduleRow | null> {
  const rows = await db
    .select()
    .from(schedules)
    .where(and(eq(schedules.id, scheduleId), eq(schedules.hostId, hostId)))
    .limit(1);
  return rows[0] ?? null;
}

/** A host's schedules in the order they were made; none for a host that is not there. */
export async function listSchedules(db: Database, hostId: string, nowMs: number): Promise<ScheduleResource[]> {
  const [rows, [host]] = await db.batch([
    db.select().from(schedules).where(eq(schedules.hostId, hostId)).orderBy(schedules.id),
    db
      .select({ runs: hosts.scheduleRuns, refused: hosts.refusedSchedules })
      .from(hosts)
      .where(eq(hosts.id, hostId))
      .limit(1),
  ]);
  if (!host) return [];
  const side = { runs: JSON.parse(host.runs) as ScheduleRuns, refused: JSON.parse(host.refused) as Refused[] };
  return rows.map((row) => scheduleResource(row, side, nowMs));
}
