import { and, eq, gt, isNull, sql } from "drizzle-orm";
import type { Role } from "../../protocol/api.ts";
import type { RandomBytes } from "../../core/ids.ts";
import type { Database } from "../bindings.ts";
import { auditStatement, type AuditEntry } from "./audit.ts";
import { builtOnce } from "./built-once.ts";
import { forgiveStatements, type DelayKeys } from "./delays.ts";
import { sessions, users } from "./schema.ts";

/** Absolute: a session is never extended, so that no request writes. */
export const SESSION_TTL_MS = 12 * 3600_000;

export interface SessionUser {
  userId: string;
  username: string;
  role: Role;
}

const sessionQuery = builtOnce((db) =>
  db
    .select({ userId: users.id, username: users.username, role: users.role })
    .from(sessions)
    .innerJoin(users, and(eq(users.id, sessions.userId), eq(users.sessionEpoch, sessions.sessionEpoch)))
    .where(
      and(
        eq(sessions.idHash, sql.placeholder("idHash")),
        gt(sessions.expiresAt, sql.placeholder("nowMs")),
        isNull(users.disabledAt),
      ),
    )
    .limit(1)
    .prepare(),
);

/** Whose session this is; null when it ended, or when its user was disabled or has a newer session epoch. */
export async function loadSession(db: Database, idHash: string, nowMs: number): Promise<SessionUser | null> {
  const rows = await sessionQuery(db).all({ idHash, nowMs });
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

export interface SessionStart {
  idHash: string;
  userId: string;
  username: string;
  address: string;
}

function sessionAudit(action: "session.start" | "session.end", session: SessionStart): AuditEntry {
  return {
    actor: session.username,
    actorKind: "user",
    actorId: session.userId,
    action,
    targetKind: "user",
    targetId: session.userId,
    targetName: session.username,
    address: session.address,
  };
}

/** Starts a session after the right password. False when the user was disabled in between. */
export async function recordSignedIn(
  db: Database,
  session: SessionStart,
  delays: DelayKeys,
  at: { nowMs: number; random: RandomBytes },
): Promise<boolean> {
  const [started] = await db.batch([
    startSessionStatement(db, session, at.nowMs),
    auditStatement(db, sessionAudit("session.start", session), { ...at, ifChanged: true }),
    ...forgiveStatements(db, delays, at.nowMs),
  ]);
  return started.meta.changes > 0;
}

/** Ends a session; ending it twice leaves one audit row. */
export async function recordSessionEnded(
  db: Database,
  session: SessionStart,
  at: { nowMs: number; random: RandomBytes },
): Promise<void> {
  await db.batch([
    db.delete(sessions).where(eq(sessions.idHash, session.idHash)),
    auditStatement(db, sessionAudit("session.end", session), { ...at, ifChanged: true }),
  ]);
}
