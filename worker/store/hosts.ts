import { DAY_MS } from "../../core/schedule/day.ts";
import { and, eq, sql, type SQL } from "drizzle-orm";
import { dayLetters, dayOf, SHOWN_DAYS, SHOWN_WEEKS, weeklySizes, type KnownDay } from "../../core/hosts/days.ts";
import { SEVERITY, STATUS_OF_SEVERITY } from "../../core/hosts/status.ts";
import type { RandomBytes } from "../../core/ids.ts";
import type { HostDay, HostDetail, HostResource, HostStatus } from "../../protocol/api.ts";
import type { ClaimantResource } from "../../protocol/claimants.ts";
import type { HostPolicy } from "../../protocol/schedule.ts";
import type { Refused } from "../../protocol/wire.ts";
import type { Database } from "../bindings.ts";
import { auditStatement, type AuditEntry } from "./audit.ts";
import { builtOnce } from "./built-once.ts";
import { hostCounts, hostDays, hosts } from "./schema.ts";

const latestJob = sql<
  string | null
>`(SELECT json_object('id', id, 'kind', kind, 'state', state, 'createdAtMs', created_at)
  FROM jobs WHERE jobs.host_id = hosts.id ORDER BY created_at DESC, id DESC LIMIT 1)`;

function selectHosts(db: Database) {
  return db
    .select({
      id: hosts.id,
      name: hosts.name,
      hostname: hosts.hostname,
      tags: hosts.tags,
      severity: hosts.severity,
      online: hosts.online,
      locked: hosts.locked,
      lastSeenAt: hosts.lastSeenAt,
      os: hosts.os,
      arch: hosts.arch,
      agentVersion: hosts.agentVersion,
      resticVersion: hosts.resticVersion,
      clockSkewMs: hosts.clockSkewMs,
      createdAt: hosts.createdAt,
      lastBackupAt: hosts.lastBackupAt,
      lastBackupOutcome: hosts.lastBackupOutcome,
      lastBackupDurationMs: hosts.lastBackupDurationMs,
      lastBackupAddedBytes: hosts.lastBackupAddedBytes,
      lastGoodBackupAt: hosts.lastGoodBackupAt,
      sizeBytes: hosts.sizeBytes,
      nextDueAt: hosts.nextDueAt,
      checkFailed: hosts.checkFailed,
      dayOutcome: hosts.dayOutcome,
      plannedSince: hosts.plannedSince,
      snapshotCount: hosts.snapshotCount,
      latestJob,
    })
    .from(hosts);
}
/** A host with what is known of its last weeks, the day of its last backup included. */
export type HostRow = Awaited<ReturnType<typeof selectHosts>>[number] & { known: KnownDay[]; today: number };

const historyQuery = builtOnce((db) =>
  db
    .select({
      hostId: hostDays.hostId,
      days: sql<string>`json_group_array(json_array(day, outcome, size_bytes))`,
    })
    .from(hostDays)
    .where(
      sql`host_id IN (SELECT value FROM json_each(${sql.placeholder("ids")})) AND day > ${sql.placeholder("afterDay")}`,
    )
    .groupBy(hostDays.hostId)
    .prepare(),
);

/** Adds the history to a page of hosts: one query, a range of the primary key for each. */
async function withHistory(
  db: Database,
  rows: Awaited<ReturnType<typeof selectHosts>>,
  nowMs: number,
): Promise<HostRow[]> {
  if (rows.length === 0) return [];
  const today = dayOf(nowMs);
  const ids = JSON.stringify(rows.map((row) => row.id));
  const histories = await historyQuery(db).all({ ids, afterDay: today - Math.max(SHOWN_DAYS, SHOWN_WEEKS * 7) });
  const known = new Map(
    histories.map(({ hostId, days }) => [
      hostId,
      (JSON.parse(days) as [number, number, number | null][]).map(([day, outcome, sizeBytes]) => ({
        day,
        outcome,
        sizeBytes,
      })),
    ]),
  );
  return rows.map((row) => {
    const days = known.get(row.id) ?? [];
    if (row.lastBackupAt !== null)
      days.push({ day: dayOf(row.lastBackupAt), outcome: row.dayOutcome, sizeBytes: row.sizeBytes });
    return { ...row, known: days, today };
  });
}

export function hostResource(row: HostRow): HostResource {
  return {
    id: row.id,
    name: row.name,
    hostname: row.hostname,
    tags: JSON.parse(row.tags) as string[],
    status: STATUS_OF_SEVERITY[row.severity]!,
    online: row.online === 1,
    locked: row.locked === 1,
    ...(row.lastSeenAt === null ? {} : { lastSeenAtMs: row.lastSeenAt }),
    os: row.os,
    arch: row.arch,
    agentVersion: row.agentVersion,
    resticVersion: row.resticVersion,
    ...(row.clockSkewMs === null ? {} : { clockSkewMs: row.clockSkewMs }),
    createdAtMs: row.createdAt,
    ...(row.lastBackupAt === null ? {} : { lastBackupAtMs: row.lastBackupAt }),
    ...(row.lastBackupOutcome === null ? {} : { lastBackupOutcome: row.lastBackupOutcome }),
    ...(row.lastBackupDurationMs === null ? {} : { lastBackupDurationMs: row.lastBackupDurationMs }),
    ...(row.lastBackupAddedBytes === null ? {} : { lastBackupAddedBytes: row.lastBackupAddedBytes }),
    ...(row.lastGoodBackupAt === null ? {} : { lastGoodBackupAtMs: row.lastGoodBackupAt }),
    ...(row.sizeBytes === null ? {} : { sizeBytes: row.sizeBytes }),
    ...(row.nextDueAt === null ? {} : { nextDueAtMs: row.nextDueAt }),
    checkFailed: row.checkFailed === 1,
    snapshotCount: row.snapshotCount,
    days: dayLetters(row.known, row.plannedSince, row.today),
    weeklySizes: weeklySizes(row.known, row.today),
    ...(row.latestJob === null
      ? {}
      : { latestJob: JSON.parse(row.latestJob) as NonNullable<HostResource["latestJob"]> }),
  };
}

const hostQuery = builtOnce((db) =>
  selectHosts(db)
    .where(eq(hosts.id, sql.placeholder("hostId")))
    .limit(1)
    .prepare(),
);

export async function loadHost(db: Database, hostId: string, nowMs: number): Promise<HostResource | null> {
  const rows = await withHistory(db, await hostQuery(db).all({ hostId }), nowMs);
  return rows[0] ? hostResource(rows[0]) : null;
}

/** What a job asks of its host before it is asked. */
export interface NamedHost {
  id: string;
  name: string;
  locked: boolean;
}

export async function loadNamedHost(db: Database, hostId: string): Promise<NamedHost | null> {
  const rows = await namedHostQuery(db).all({ hostId });
  return rows[0] ? { ...rows[0], locked: rows[0].locked === 1 } : null;
}

const namedHostQuery = builtOnce((db) =>
  db
    .select({ id: hosts.id, name: hosts.name, locked: hosts.locked })
    .from(hosts)
    .where(eq(hosts.id, sql.placeholder("hostId")))
    .limit(1)
    .prepare(),
);

/** Hosts by id, in no order; ids of hosts that are gone are left out. */
export async function loadHosts(db: Database, hostIds: readonly string[], nowMs: number): Promise<HostResource[]> {
  const rows = await selectHosts(db).where(sql`hosts.id IN (SELECT value FROM json_each(${JSON.stringify(hostIds)}))`);
  return (await withHistory(db, rows, nowMs)).map(hostResource);
}

export interface HostFilter {
  status?: HostStatus | undefined;
  tag?: string | undefined;
  /** Part of the name or of a tag; ASCII letters match in either case. */
  q?: string | undefined;
}

/** Hosts worst first, then by name; `after` is the (severity, name, id) of the row before. At most `limit`. */
export async function listHostRows(
  db: Database,
  filter: HostFilter,
  after: readonly [number, string, string] | null,
  limit: number,
  nowMs: number,
): Promise<HostRow[]> {
  const where: SQL[] = [];
  if (after) where.push(sql`(severity, name, hosts.id) > (${after[0]}, ${after[1]}, ${after[2]})`);
  if (filter.status !== undefined) where.push(eq(hosts.severity, SEVERITY[filter.status]));
  if (filter.tag !== undefined)
    where.push(sql`EXISTS (SELECT 1 FROM json_each(hosts.tags) WHERE value = ${filter.tag})`);
  if (filter.q !== undefined) {
    const part = sql`lower(${filter.q})`;
    where.push(
      sql`(instr(lower(name), ${part}) > 0 OR EXISTS (SELECT 1 FROM json_each(hosts.tags) WHERE instr(lower(value), ${part}) > 0))`,
    );
  }
  const rows = await selectHosts(db)
    .where(and(...where))
    .orderBy(hosts.severity, hosts.name, hosts.id)
    .limit(limit);
  return withHistory(db, rows, nowMs);
}

export async function hostExists(db: Database, hostId: string): Promise<boolean> {
  const rows = await db.select({ id: hosts.id }).from(hosts).where(eq(hosts.id, hostId)).limit(1);
  return rows.length > 0;
}

/** What a host's own page shows beside the host itself. */
export type HostAbout = Omit<HostDetail, keyof HostResource | "repositories" | "schedules">;

export async function loadHostAbout(db: Database, hostId: string): Promise<HostAbout | null> {
  const rows = await db
    .select({
      scheduleVersion: hosts.scheduleVersion,
      appliedScheduleVersion: hosts.appliedScheduleVersion,
      configVersion: hosts.configVersion,
      appliedConfigVersion: hosts.appliedConfigVersion,
      refused: hosts.refusedRepositories,
      policy: hosts.policy,
      claimants: hosts.claimants,
      hasHooks: sql<number>`hooks IS NOT NULL`,
    })
    .from(hosts)
    .where(eq(hosts.id, hostId))
    .limit(1);
  const [row] = rows;
  if (!row) return null;
  const { refused, policy, claimants, hasHooks, ...versions } = row;
  return {
    ...versions,
    refusedRepositories: JSON.parse(refused) as Refused[],
    ...(policy === null ? {} : { policy: JSON.parse(policy) as HostPolicy }),
    hasHooks: hasHooks === 1,
    claimants: JSON.parse(claimants) as ClaimantResource[],
  };
}

const OUTCOME_OF_DAY = [undefined, "succeeded", "warnings", "failed"] as const;

/** The known ones of a host's last `days` UTC days, oldest first; null when the host is gone. */
export async function listHostDays(
  db: Database,
  hostId: string,
  days: number,
  nowMs: number,
): Promise<HostDay[] | null> {
  const fromDay = dayOf(nowMs) - days + 1;
  const [[host], rows] = await db.batch([
    db
      .select({
        lastBackupAt: hosts.lastBackupAt,
        outcome: hosts.dayOutcome,
        durationMs: hosts.lastBackupDurationMs,
        addedBytes: hosts.lastBackupAddedBytes,
        sizeBytes: hosts.sizeBytes,
      })
      .from(hosts)
      .where(eq(hosts.id, hostId))
      .limit(1),
    db
      .select()
      .from(hostDays)
      .where(sql`host_id = ${hostId} AND day >= ${fromDay}`)
      .orderBy(hostDays.day),
  ]);
  if (!host) return null;
  const known = new Map(rows.map((row) => [row.day, row]));
  const { lastBackupAt, ...kept } = host;
  if (lastBackupAt !== null && dayOf(lastBackupAt) >= fromDay) {
    const day = dayOf(lastBackupAt);
    // The day of the last backup is not over: only the size of the repository may have a row.
    known.set(day, { hostId, day, ...kept, storedBytes: known.get(day)?.storedBytes ?? null });
  }
  return [...known.values()].toSorted((a, b) => a.day - b.day).map(hostDay);
}

function hostDay(row: typeof hostDays.$inferSelect): HostDay {
  const outcome = OUTCOME_OF_DAY[row.outcome];
  return {
    dayMs: row.day * DAY_MS,
    ...(outcome === undefined ? {} : { outcome }),
    ...(row.durationMs === null ? {} : { durationMs: row.durationMs }),
    ...(row.addedBytes === null ? {} : { addedBytes: row.addedBytes }),
    ...(row.sizeBytes === null ? {} : { sizeBytes: row.sizeBytes }),
    ...(row.storedBytes === null ? {} : { storedBytes: row.storedBytes }),
  };
}

/** A new name or new tags. False when they were so already, or the host is gone: then nothing is written. */
export async function recordHostEdited(
  db: Database,
  hostId: string,
  change: { name?: string | undefined; tags?: readonly string[] | undefined },
  audit: AuditEntry,
  at: { nowMs: number; random: RandomBytes },
): Promise<boolean> {
  const { name } = change;
  const tags = change.tags === undefined ? undefined : JSON.stringify(change.tags);
  const differs: SQL[] = [];
  if (name !== undefined) differs.push(sql`name <> ${name}`);
  if (tags !== undefined) differs.push(sql`tags <> ${tags}`);
  if (differs.length === 0) return false;
  const [edited] = await db.batch([
    db
      .update(hosts)
      .set({ ...(name === undefined ? {} : { name }), ...(tags === undefined ? {} : { tags }) })
      .where(sql`${hosts.id} = ${hostId} AND (${sql.join(differs, sql` OR `)})`),
    auditStatement(db, audit, { ...at, ifChanged: true }),
  ]);
  return edited.meta.changes > 0;
}

/** Deletes a host that still bears `name`, and with it all that is its own. False when it does not. */
export async function recordHostDeleted(
  db: Database,
  hostId: string,
  name: string,
  audit: AuditEntry,
  at: { nowMs: number; random: RandomBytes },
): Promise<boolean> {
  const [deleted] = await db.batch([
    db.delete(hosts).where(and(eq(hosts.id, hostId), eq(hosts.name, name))),
    auditStatement(db, audit, { ...at, ifChanged: true }),
  ]);
  return deleted.meta.changes > 0;
}

export interface BearerHost {
  hostId: string;
  signKey: string;
  configVersion: number;
  scheduleVersion: number;
  fleetSize: number;
}

/** The host an agent's bearer (its SHA-256) belongs to, and how many hosts there are; null for an unknown bearer. */
export async function findHostByBearer(db: Database, bearerHash: string): Promise<BearerHost | null> {
  const rows = await bearerQuery(db).all({ bearerHash });
  return rows[0] ?? null;
}

const bearerQuery = builtOnce((db) =>
  db
    .select({
      hostId: hosts.id,
      signKey: hosts.signKey,
      configVersion: hosts.configVersion,
      scheduleVersion: hosts.scheduleVersion,
      fleetSize: sql<number>`(SELECT sum(hosts) FROM ${hostCounts})`,
    })
    .from(hosts)
    .where(eq(hosts.bearerHash, sql.placeholder("bearerHash")))
    .limit(1)
    .prepare(),
);
