import { and, desc, eq, lt, sql } from "drizzle-orm";
import type { RandomBytes } from "../../core/ids.ts";
import type { Place } from "../../core/secrets/at-rest.ts";
import type { EnrollmentTokenResource } from "../../protocol/api.ts";
import type { Database } from "../bindings.ts";
import { auditStatement, type AuditEntry } from "./audit.ts";
import { newHostStatements, type NewHost } from "./new-host.ts";
import { enrollmentTokens, hosts } from "./schema.ts";

/** Where the repository secret waits for its host. */
export function enrollmentPlace(tokenId: string): Place {
  return { table: "enrollment_tokens", row: tokenId, column: "sealed", version: 1 };
}

export type EnrollmentRow = typeof enrollmentTokens.$inferSelect;

export function enrollmentResource(row: EnrollmentRow, nowMs: number): EnrollmentTokenResource {
  return {
    id: row.id,
    hostName: row.hostName,
    address: row.address,
    paths: JSON.parse(row.paths) as string[],
    state: stateOf(row, nowMs),
    maxUses: row.maxUses,
    uses: row.uses,
    createdAtMs: row.createdAt,
    expiresAtMs: row.expiresAt,
    ...(row.hostId === null || row.maxUses > 1 ? {} : { hostId: row.hostId }),
    createdBy: row.createdBy,
  };
}

function stateOf(row: EnrollmentRow, nowMs: number): EnrollmentTokenResource["state"] {
  if (row.usedAt !== null) return "used";
  if (row.revokedAt !== null) return "revoked";
  return row.expiresAt <= nowMs ? "expired" : "waiting";
}

export async function loadEnrollment(db: Database, tokenId: string): Promise<EnrollmentRow | null> {
  const rows = await db.select().from(enrollmentTokens).where(eq(enrollmentTokens.id, tokenId)).limit(1);
  return rows[0] ?? null;
}

/** Tokens newest first: their ids are made in the order of time. At most `limit`. */
export async function listEnrollmentRows(
  db: Database,
  afterId: string | null,
  limit: number,
): Promise<EnrollmentRow[]> {
  return db
    .select()
    .from(enrollmentTokens)
    .where(afterId === null ? undefined : lt(enrollmentTokens.id, afterId))
    .orderBy(desc(enrollmentTokens.id))
    .limit(limit);
}

export async function recordEnrollmentCreated(
  db: Database,
  row: typeof enrollmentTokens.$inferInsert,
  audit: AuditEntry,
  at: { nowMs: number; random: RandomBytes },
): Promise<void> {
  await db.batch([db.insert(enrollmentTokens).values(row), auditStatement(db, audit, at)]);
}

/** Ends a token and erases its secret. False when it is used or revoked already. */
export async function recordEnrollmentRevoked(
  db: Database,
  tokenId: string,
  audit: AuditEntry,
  at: { nowMs: number; random: RandomBytes },
): Promise<boolean> {
  const [revoked] = await db.batch([
    db
      .update(enrollmentTokens)
      .set({ revokedAt: at.nowMs, sealed: null })
      .where(sql`id = ${tokenId} AND used_at IS NULL AND revoked_at IS NULL`),
    auditStatement(db, audit, { ...at, ifChanged: true }),
  ]);
  return revoked.meta.changes > 0;
}

/** A token that could be used right now, with its secret. */
export type UsableEnrollment = EnrollmentRow & { sealed: string };

/** The usable token with this SHA-256; null for an unknown, expired, used or revoked one. */
export async function findUsableEnrollment(
  db: Database,
  secretHash: string,
  nowMs: number,
): Promise<UsableEnrollment | null> {
  const rows = await db
    .select()
    .from(enrollmentTokens)
    .where(and(eq(enrollmentTokens.secretHash, secretHash), usable(nowMs)))
    .limit(1);
  const row = rows[0];
  return row && row.sealed !== null ? { ...row, sealed: row.sealed } : null;
}

/** Holds while a token may be used. */
export function usable(nowMs: number) {
  return sql`used_at IS NULL AND revoked_at IS NULL AND sealed IS NOT NULL AND expires_at > ${nowMs}`;
}

/** Whether a host with this key has enrolled already. */
export async function isKnownSignKey(db: Database, signKey: string): Promise<boolean> {
  const rows = await db.select({ id: hosts.id }).from(hosts).where(eq(hosts.signKey, signKey)).limit(1);
  return rows.length > 0;
}

/**
 * The host a token stood for: host, repository, credential and first schedule in one batch that also ends the token and
 * erases its secret there. False when the token was used, revoked or expired in the meantime: then nothing is written.
 */
export async function recordEnrolled(
  db: Database,
  token: UsableEnrollment,
  host: NewHost,
  audit: AuditEntry,
  at: { nowMs: number; random: RandomBytes },
): Promise<boolean> {
  const won = sql`EXISTS (SELECT 1 FROM ${enrollmentTokens} WHERE id = ${token.id} AND host_id = ${host.hostId})`;
  const [used] = await db.batch([
    db
      .update(enrollmentTokens)
      .set({ usedAt: at.nowMs, uses: 1, hostId: host.hostId, sealed: null })
      .where(
        sql`id = ${token.id} AND ${usable(at.nowMs)} AND NOT EXISTS (SELECT 1 FROM hosts WHERE sign_key = ${host.machine.signKey})`,
      ),
    ...newHostStatements(db, host, token, won, at.nowMs),
    auditStatement(db, audit, { ...at, ifChanged: true }),
  ]);
  return used.meta.changes > 0;
}
