import { lte, sql } from "drizzle-orm";
import { ANNOUNCE_WINDOW_MS } from "../../protocol/announce.ts";
import type { Database } from "../bindings.ts";
import { announceWindows, enrollmentTokens, loginDelays, pendingHosts, sessions } from "./schema.ts";

/**
 * Erases secrets that wait in expired enrolment tokens, and deletes expired sessions, sign-in delays and announcements
 * with what was counted of them.
 */
export async function eraseExpired(db: Database, nowMs: number): Promise<void> {
  await db.batch([
    db
      .update(enrollmentTokens)
      .set({ sealed: null })
      .where(sql`sealed IS NOT NULL AND expires_at <= ${nowMs}`),
    db.delete(sessions).where(lte(sessions.expiresAt, nowMs)),
    db.delete(pendingHosts).where(lte(pendingHosts.expiresAt, nowMs)),
    db.delete(announceWindows).where(lte(announceWindows.startedAt, nowMs - ANNOUNCE_WINDOW_MS)),
    db.delete(loginDelays).where(lte(loginDelays.expiresAt, nowMs)),
  ]);
}
