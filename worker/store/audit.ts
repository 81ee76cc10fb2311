import { sql, type SQL } from "drizzle-orm";
import { uuidv7, type RandomBytes } from "../../core/ids.ts";
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
