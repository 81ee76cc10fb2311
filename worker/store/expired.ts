import { lte, sql } from "drizzle-orm";
import type { Database } from "../bindings.ts";
import { enrollmentTokens, loginDelays, sessions } from "./schema.ts";

/** Erases secrets that wait in expired enrolment tokens, and deletes expired sessions and sign-in delays. */
export async function eraseExpired(db: Database, nowMs: number): Promise<void> {
  await db.batch([
    db
      .update(enrollmentTokens)
      .set({ sealed: null })
      .where(sql`sealed IS NOT NULL AND expires_at <= ${nowMs}`),
    db.delete(sessions).where(lte(sessions.expiresAt, nowMs)),
    db.delete(loginDelays).where(lte(loginDelays.expiresAt, nowMs)),
  ]);
}
