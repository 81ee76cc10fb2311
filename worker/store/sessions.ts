import { and, eq, gt, isNull, sql } from "drizzle-orm";
import type { Role } from "../../protocol/api.ts";
import type { Database } from "../bindings.ts";
import { sessions, users } from "./schema.ts";

/** Absolute: a session is never extended, so that no request writes. */
export const SESSION_TTL_MS = 12 * 3600_000;

export interface SessionUser {
  userId: string;
  username: string;
  role: Role;
}

/** Whose session this is; null when it ended, or when its user was disabled or has a newer session epoch. */
export async function loadSession(db: Database, idHash: string, nowMs: number): Promise<SessionUser | null> {
  const rows = await db
    .select({ userId: users.id, username: users.username, role: users.role })
    .from(sessions)
    .innerJoin(users, and(eq(users.id, sessions.userId), eq(users.sessionEpoch, sessions.sessionEpoch)))
    .where(and(eq(sessions.idHash, idHash), gt(sessions.expiresAt, nowMs), isNull(users.disabledAt)))
    .limit(1);
  return rows[0] ?? null;
}

/** The statement that starts a session, if the user is there and enabled when it runs. */
export function startSessionStatement(
  db: Database,
  session: { idHash: string; userId: string; address: string },
  nowMs: number,
) {
  return db
    .insert(sessions)
    .select(
      sql`SELECT ${session.idHash}, id, session_epoch, ${nowMs}, ${nowMs + SESSION_TTL_MS}, ${session.address} FROM ${users} WHERE id = ${session.userId} AND disabled_at IS NULL`,
    );
}

export function endSessionStatement(db: Database, idHash: string) {
  return db.delete(sessions).where(eq(sessions.idHash, idHash));
}
