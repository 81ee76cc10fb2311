import { eq } from "drizzle-orm";
import type { ScheduleResource } from "../../protocol/api.ts";
import type { ReadData, Retention, Limits, ScheduleInput } from "../../protocol/schedule.ts";
import type { Refused } from "../../protocol/wire.ts";
import type { Database } from "../bindings.ts";
import { hosts, schedules } from "./schema.ts";

export type ScheduleRow = typeof schedules.$inferSelect;

/** hosts.schedule_runs: for each schedule when it last ended, how, in which job, and when it last ended well. */
export type ScheduleRuns = Record<
  string,
  [atMs: number, outcome: "succeeded" | "warnings" | "failed" | "cancelled", jobId: string, lastGoodAtMs: number | null]
>;

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
        retention: row.retention === null ? null : (JSON.parse(row.retention) as Retention),
      };
    case "check":
      return { kind: "check", ...common, readData: JSON.parse(row.readData ?? '{"mode":"none"}') as ReadData };
    case "forget":
    case "prune":
      return { kind: row.kind, ...common };
  }
}

/** What the host knows of its schedules. */
interface HostSide {
  runs: ScheduleRuns;
  refused: readonly Refused[];
}

function scheduleResource(row: ScheduleRow, host: HostSide): ScheduleResource {
  const run = host.runs[row.id];
  const refused = host.refused.find(({ id }) => id === row.id);
  return {
    ...scheduleOfRow(row),
    id: row.id,
    version: row.version,
    createdAtMs: row.createdAt,
    updatedAtMs: row.updatedAt,
    late: false,
    ...(run === undefined ? {} : { lastRun: { atMs: run[0], outcome: run[1], jobId: run[2] } }),
    hasHooks: row.hooks !== null,
    ...(row.heldJob === null ? {} : { heldJobId: row.heldJob }),
    ...(refused === undefined
      ? {}
      : {
          refused: { code: refused.code, ...(refused.message === undefined ? {} : { message: refused.message }) },
        }),
  };
}

export async function listScheduleRows(db: Database, hostId: string): Promise<ScheduleRow[]> {
  return db.select().from(schedules).where(eq(schedules.hostId, hostId)).orderBy(schedules.id);
}

/** A host's schedules in the order they were made. */
export async function listSchedules(db: Database, hostId: string, _nowMs: number): Promise<ScheduleResource[]> {
  const [rows, [host]] = await Promise.all([
    listScheduleRows(db, hostId),
    db
      .select({ runs: hosts.scheduleRuns, refused: hosts.refusedSchedules })
      .from(hosts)
      .where(eq(hosts.id, hostId))
      .limit(1),
  ]);
  if (!host) return [];
  const side = { runs: JSON.parse(host.runs) as ScheduleRuns, refused: JSON.parse(host.refused) as Refused[] };
  return rows.map((row) => scheduleResource(row, side));
}
