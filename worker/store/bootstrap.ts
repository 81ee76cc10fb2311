import { eq, sql } from "drizzle-orm";
import type { RandomBytes } from "../../core/ids.ts";
import type { Database } from "../bindings.ts";
import { auditStatement } from "./audit.ts";
import { insertWhere } from "./insert-where.ts";
import { bootstrap, users } from "./schema.ts";
import { startSessionStatement } from "./sessions.ts";

/** Makes `tokenHash` the one set-up token, in place of an earlier one. False, and nothing kept, once a user exists. */
export async function replaceBootstrapToken(db: Database, tokenHash: string, nowMs: number): Promise<boolean> {
  const noUsers = sql`NOT EXISTS (SELECT 1 FROM ${users})`;
  const set = await insertWhere(db, bootstrap, { id: 1, tokenHash, createdAt: nowMs }, noUsers).onConflictDoUpdate({
    target: bootstrap.id,
    set: { tokenHash, createdAt: nowMs },
  });
  return set.meta.changes > 0;
}

/** The hash of the set-up token; null when none is waiting. */
export async function loadBootstrapHash(db: Database): Promise<string | null> {
  const rows = await db.select({ tokenHash: bootstrap.tokenHash }).from(bootstrap).where(eq(bootstrap.id, 1)).limit(1);
  return rows[0]?.tokenHash ?? null;
}

export interface FirstAdmin {
  userId: string;
  username: string;
  /** PHC string. */
  password: string;
  sessionHash: string;
  address: string;
  tokenHash: string;
}

/** Creates the first administrator, signed in, and uses the token up. Of two at once one wins; the other gets false. */
export async function recordFirstAdmin(
  db: Database,
  admin: FirstAdmin,
  at: { nowMs: number; random: RandomBytes },
): Promise<boolean> {
  const [created] = await db.batch([
    insertWhere(
      db,
      users,
      { id: admin.userId, username: admin.username, role: "admin", password: admin.password, createdAt: at.nowMs },
      sql`EXISTS (SELECT 1 FROM ${bootstrap} WHERE token_hash = ${admin.tokenHash}) AND NOT EXISTS (SELECT 1 FROM ${users})`,
    ),
    auditStatement(
      db,
      {
        actor: admin.username,
        actorKind: "user",
        actorId: admin.userId,
        action: "setup.complete",
        targetKind: "user",
        targetId: admin.userId,
        targetName: admin.username,
        address: admin.address,
      },
      { ...at, ifChanged: true },
    ),
    startSessionStatement(db, { idHash: admin.sessionHash, userId: admin.userId, address: admin.address }, at.nowMs),
    db.delete(bootstrap).where(sql`EXISTS (SELECT 1 FROM ${users})`),
  ]);
  return created.meta.changes > 0;
}
