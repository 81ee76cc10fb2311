import { eq } from "drizzle-orm";
import type { Role } from "../../protocol/api.ts";
import type { Database } from "../bindings.ts";
import { users } from "./schema.ts";

export interface UserRow {
  id: string;
  username: string;
  role: Role;
  /** argon2id PHC string; null for a user who signs in elsewhere. */
  password: string | null;
  disabledAt: number | null;
}

export async function findUserByName(db: Database, username: string): Promise<UserRow | null> {
  const rows = await db
    .select({
      id: users.id,
      username: users.username,
      role: users.role,
      password: users.password,
      disabledAt: users.disabledAt,
    })
    .from(users)
    .where(eq(users.username, username))
    .limit(1);
  return rows[0] ?? null;
}

/** Whether anyone can sign in yet. */
export async function hasUsers(db: Database): Promise<boolean> {
  const rows = await db.select({ id: users.id }).from(users).limit(1);
  return rows.length > 0;
}
