import { and, desc, eq, gt, isNull, lt, or, sql } from "drizzle-orm";
import type { RandomBytes } from "../../core/ids.ts";
import type { Role, TokenResource } from "../../protocol/api.ts";
import type { Database } from "../bindings.ts";
import { auditStatement, type AuditEntry } from "./audit.ts";
import { insertWhere } from "./insert-where.ts";
import { apiTokens, users } from "./schema.ts";

/** How stale last_used_at may be: a token in use costs one write an hour. */
const LAST_USED_STEP_MS = 3600_000;
export const MAX_TOKENS_PER_USER = 100;

export interface TokenOwner {
  tokenId: string;
  tokenName: string;
  tokenRole: Role;
  userId: string;
  username: string;
  /** The owner's present role, which caps the token's. */
  userRole: Role;
  lastUsedAtMs: number | null;
}

/** Whose API token this is; null when it is unknown or expired, or its owner is disabled. */
export async function loadToken(db: Database, secretHash: string, nowMs: number): Promise<TokenOwner | null> {
  const rows = await db
    .select({
      tokenId: apiTokens.id,
      tokenName: apiTokens.name,
      tokenRole: apiTokens.role,
      userId: users.id,
      username: users.username,
      userRole: users.role,
      lastUsedAtMs: apiTokens.lastUsedAt,
    })
    .from(apiTokens)
    .innerJoin(users, eq(users.id, apiTokens.userId))
    .where(
      and(
        eq(apiTokens.secretHash, secretHash),
        or(isNull(apiTokens.expiresAt), gt(apiTokens.expiresAt, nowMs)),
        isNull(users.disabledAt),
      ),
    )
    .limit(1);
  return rows[0] ?? null;
}

/** Notes that a token was used, at most once an hour. */
export async function noteTokenUsed(db: Database, token: TokenOwner, nowMs: number): Promise<void> {
  const before = nowMs - LAST_USED_STEP_MS;
  if (token.lastUsedAtMs !== null && token.lastUsedAtMs >= before) return;
  await db
    .update(apiTokens)
    .set({ lastUsedAt: nowMs })
    .where(and(eq(apiTokens.id, token.tokenId), or(isNull(apiTokens.lastUsedAt), lt(apiTokens.lastUsedAt, before))));
}

/** A user's tokens, newest first; at most MAX_TOKENS_PER_USER. */
export async function listTokens(db: Database, userId: string): Promise<TokenResource[]> {
  const rows = await db.select().from(apiTokens).where(eq(apiTokens.userId, userId)).orderBy(desc(apiTokens.id));
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    role: row.role,
    createdAtMs: row.createdAt,
    ...(row.expiresAt === null ? {} : { expiresAtMs: row.expiresAt }),
    ...(row.lastUsedAt === null ? {} : { lastUsedAtMs: row.lastUsedAt }),
  }));
}

export interface NewToken {
  id: string;
  secretHash: string;
  userId: string;
  name: string;
  role: Role;
  expiresAtMs: number | null;
}

/** False when the user already has MAX_TOKENS_PER_USER. */
export async function recordTokenCreated(
  db: Database,
  token: NewToken,
  audit: AuditEntry,
  at: { nowMs: number; random: RandomBytes },
): Promise<boolean> {
  const [created] = await db.batch([
    insertWhere(
      db,
      apiTokens,
      {
        id: token.id,
        secretHash: token.secretHash,
        userId: token.userId,
        name: token.name,
        role: token.role,
        createdAt: at.nowMs,
        expiresAt: token.expiresAtMs,
      },
      sql`(SELECT count(*) FROM ${apiTokens} WHERE user_id = ${token.userId}) < ${MAX_TOKENS_PER_USER}`,
    ),
    auditStatement(db, audit, { ...at, ifChanged: true }),
  ]);
  return created.meta.changes > 0;
}

/** False when the user has no such token. */
export async function recordTokenRevoked(
  db: Database,
  token: { id: string; userId: string },
  audit: AuditEntry,
  at: { nowMs: number; random: RandomBytes },
): Promise<boolean> {
  const [revoked] = await db.batch([
    db.delete(apiTokens).where(and(eq(apiTokens.id, token.id), eq(apiTokens.userId, token.userId))),
    auditStatement(db, audit, { ...at, ifChanged: true }),
  ]);
  return revoked.meta.changes > 0;
}
