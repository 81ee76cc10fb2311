import { and, desc, eq, lt, or, sql, type SQL } from "drizzle-orm";
import { uuidv7, type RandomBytes } from "../../core/ids.ts";
import type { AuditResource, Page } from "../../protocol/api.ts";
import type { Database } from "../bindings.ts";
import { auditLog } from "./schema.ts";

/** Who did what to what. `detail` holds names and numbers, never secret material. */
export interface AuditEntry {
  actor: string;
  actorKind: "user" | "token" | "agent" | "server";
  actorId: string | null;
  action: string;
  targetKind: string;
  targetId: string;
  targetName?: string;
  address: string;
  detail?: Readonly<Record<string, unknown>>;
}

/**
 * The statement that writes one audit row. `ifChanged` makes it depend on the statement just before it in the same
 * batch: a guarded update that lost its race leaves no row.
 */
export function auditStatement(
  db: Database,
  entry: AuditEntry,
  at: { nowMs: number; random: RandomBytes; ifChanged?: boolean },
) {
  const values = sql`${uuidv7(at.nowMs, at.random)}, ${at.nowMs}, ${entry.actor}, ${entry.actorKind}, ${entry.actorId}, ${entry.action}, ${entry.targetKind}, ${entry.targetId}, ${entry.targetName ?? ""}, ${entry.address}, ${JSON.stringify(entry.detail ?? {})}`;
  const guard: SQL = at.ifChanged ? sql` WHERE changes() > 0` : sql``;
  // An insert builder, not db.run: drizzle 0.45 cannot bind parameters of a raw statement inside a D1 batch.
  return db.insert(auditLog).select(sql`SELECT ${values}${guard}`);
}

export interface AuditFilter {
  limit: number;
  /** Id of the last row of the page before. */
  after?: string | undefined;
  actor?: string | undefined;
  action?: string | undefined;
  /** Id or name of what was acted on. */
  target?: string | undefined;
}

/** Audit rows, newest first. */
export async function listAudit(db: Database, filter: AuditFilter): Promise<Page<AuditResource>> {
  const rows = await db
    .select()
    .from(auditLog)
    .where(
      and(
        filter.after === undefined ? undefined : lt(auditLog.id, filter.after),
        filter.actor === undefined ? undefined : eq(auditLog.actor, filter.actor),
        filter.action === undefined ? undefined : eq(auditLog.action, filter.action),
        filter.target === undefined
          ? undefined
          : or(eq(auditLog.targetId, filter.target), eq(auditLog.targetName, filter.target)),
      ),
    )
    .orderBy(desc(auditLog.id))
    .limit(filter.limit + 1);
  const items = rows.slice(0, filter.limit).map((row) => ({
    id: row.id,
    atMs: row.at,
    actor: row.actor,
    actorKind: row.actorKind,
    action: row.action,
    targetKind: row.targetKind,
    targetId: row.targetId,
    targetName: row.targetName,
    address: row.address,
    detail: JSON.parse(row.detail) as Record<string, unknown>,
  }));
  return rows.length > filter.limit ? { items, next: items.at(-1)!.id } : { items };
}
