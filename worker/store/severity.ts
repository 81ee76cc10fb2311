import { sql, type SQL } from "drizzle-orm";
import { SEVERITY } from "../../core/hosts/status.ts";
import type { Database } from "../bindings.ts";
import { hosts } from "./schema.ts";

/** `hostStatus` of core/hosts/status.ts as an expression over a row of hosts; a test holds the two equal. */
export function severityAt(nowMs: number): SQL<number> {
  return sql<number>`CASE
    WHEN last_backup_outcome = 'failed' OR check_failed = 1 THEN ${SEVERITY.failing}
    WHEN protected_until <= ${nowMs} THEN ${SEVERITY.late}
    WHEN last_backup_outcome = 'warnings' THEN ${SEVERITY.warnings}
    WHEN online = 0 THEN ${SEVERITY.offline}
    WHEN last_good_backup_at IS NULL THEN ${SEVERITY.new}
    ELSE ${SEVERITY.protected} END`;
}

/** Hosts whose stored severity is no longer what their columns and the clock say. */
export function severityIsStale(nowMs: number): SQL {
  return sql`severity <> ${severityAt(nowMs)}`;
}

/**
 * The statement that brings the severity of the hosts in `where` up to date. On its own and only where it changes,
 * because it is indexed: setting it to the same value would cost two rows written.
 */
export function refreshSeverityStatement(db: Database, where: SQL, nowMs: number) {
  return db
    .update(hosts)
    .set({ severity: severityAt(nowMs) })
    .where(sql`${where} AND ${severityIsStale(nowMs)}`);
}

/** Brings up to `limit` hosts whose status changed with the clock alone up to date; answers their ids. */
export async function refreshStaleSeverities(db: Database, nowMs: number, limit: number): Promise<string[]> {
  const stale = await db.select({ id: hosts.id }).from(hosts).where(severityIsStale(nowMs)).limit(limit);
  if (stale.length === 0) return [];
  const ids = stale.map((row) => row.id);
  await refreshSeverityStatement(db, sql`id IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`, nowMs);
  return ids;
}
