import { eq, sql } from "drizzle-orm";
import * as v from "valibot";
import type { RandomBytes } from "../../core/ids.ts";
import { openAtRest, sealAtRest, type Place, type SealKey } from "../../core/secrets/at-rest.ts";
import { hooksSchema, type Hooks } from "../../protocol/schedule.ts";
import type { Database } from "../bindings.ts";
import { auditStatement, type AuditEntry } from "./audit.ts";
import { hosts, schedules } from "./schema.ts";

/** Where hooks are sealed at rest: a schedule's own, or the default of a host. */
export function hooksPlace(table: "schedules" | "hosts", row: string, version: number): Place {
  return { table, row, column: "hooks", version };
}

/** The text to store for `hooks`; null stays null. */
export function sealHooks(key: SealKey, place: Place, hooks: Hooks | null, random: RandomBytes): string | null {
  return hooks === null ? null : sealAtRest(key, place, JSON.stringify(hooks), random);
}

/** The hooks stored at `place`; null when there are none. Throws when none of the keys opens them. */
export function openHooks(keys: readonly SealKey[], place: Place, sealed: string | null): Hooks | null {
  if (sealed === null) return null;
  const text = openAtRest(keys, place, sealed);
  if (text === null)
    throw new Error(`the hooks of ${place.table} ${place.row} cannot be opened with this server's key`);
  return v.parse(hooksSchema, JSON.parse(text));
}

export interface HostHooksRow {
  sealed: string | null;
  version: number;
  shell: string;
  policy: string | null;
}

export async function loadHostHooksRow(db: Database, hostId: string): Promise<HostHooksRow | null> {
  const rows = await db
    .select({ sealed: hosts.hooks, version: hosts.hooksVersion, shell: hosts.hookShell, policy: hosts.policy })
    .from(hosts)
    .where(eq(hosts.id, hostId))
    .limit(1);
  return rows[0] ?? null;
}

export interface NewHooks {
  hostId: string;
  /** Sealed for `hooksPlace(…, version + 1)`; null takes them away. */
  sealed: string | null;
  /** The version that was read. */
  version: number;
}

/** New default hooks and shell of a host, and with them a new set of schedules. False when another change came first. */
export async function recordHostHooks(
  db: Database,
  change: NewHooks & { shell: string },
  audit: AuditEntry,
  at: { nowMs: number; random: RandomBytes },
): Promise<boolean> {
  const [changed] = await db.batch([
    db
      .update(hosts)
      .set({
        hooks: change.sealed,
        hooksVersion: change.version + 1,
        hookShell: change.shell,
        scheduleVersion: sql`schedule_version + 1`,
      })
      .where(sql`id = ${change.hostId} AND hooks_version = ${change.version}`),
    auditStatement(db, audit, { ...at, ifChanged: true }),
  ]);
  return changed.meta.changes > 0;
}

/** New hooks of a backup schedule, and with them a new set of schedules. False when another change came first. */
export async function recordScheduleHooks(
  db: Database,
  change: NewHooks & { scheduleId: string },
  audit: AuditEntry,
  at: { nowMs: number; random: RandomBytes },
): Promise<boolean> {
  const { hostId, scheduleId, sealed, version } = change;
  const [changed] = await db.batch([
    db
      .update(schedules)
      .set({ hooks: sealed, hooksVersion: version + 1 })
      .where(sql`id = ${scheduleId} AND host_id = ${hostId} AND kind = 'backup' AND hooks_version = ${version}`),
    auditStatement(db, audit, { ...at, ifChanged: true }),
    // A change that lost may push the same set once more; one that won always pushes.
    db
      .update(hosts)
      .set({ scheduleVersion: sql`schedule_version + 1` })
      .where(
        sql`id = ${hostId} AND EXISTS (SELECT 1 FROM schedules s
          WHERE s.id = ${scheduleId} AND s.hooks IS ${sealed} AND s.hooks_version = ${version + 1})`,
      ),
  ]);
  return changed.meta.changes > 0;
}
