import { eq, inArray, sql } from "drizzle-orm";
import { addressGroup, SIGN_IN_DELAYS, SIGN_IN_MEMORY_MS, type DelayScope } from "../../core/access/sign-in-delay.ts";
import { hashToken } from "../../core/secrets/tokens.ts";
import type { Database } from "../bindings.ts";
import { loginDelays } from "./schema.ts";

export interface DelayKeys {
  account: string;
  address: string;
}

/** The account is kept as a hash: people type passwords into the name field. */
export function delayKeys(username: string, address: string): DelayKeys {
  const group = addressGroup(address);
  return { account: `account:${hashToken(`${username}\n${group}`)}`, address: `address:${group}` };
}

/** Counts one attempt as failed before its password is looked at, unless a delay runs: so parallel guesses queue up too. */
function reserveStatement(db: Database, key: string, scope: DelayScope, nowMs: number) {
  const { freeFailures, firstMs, maxMs } = SIGN_IN_DELAYS[scope];
  const failures = sql`(CASE WHEN ${loginDelays.expiresAt} <= ${nowMs} THEN 1 ELSE ${loginDelays.failures} + 1 END)`;
  const delay = sql`(CASE WHEN ${failures} < ${freeFailures} THEN 0 ELSE min(${maxMs}, ${firstMs} << min(20, ${failures} - ${freeFailures})) END)`;
  return db
    .insert(loginDelays)
    .values({ key, failures: 1, retryAt: nowMs, expiresAt: nowMs + SIGN_IN_MEMORY_MS })
    .onConflictDoUpdate({
      target: loginDelays.key,
      set: { failures, retryAt: sql`${nowMs} + ${delay}`, expiresAt: nowMs + SIGN_IN_MEMORY_MS },
      setWhere: sql`${loginDelays.retryAt} <= ${nowMs}`,
    });
}

async function waitMs(db: Database, keys: DelayKeys, nowMs: number): Promise<number> {
  const rows = await db
    .select({ retryAt: loginDelays.retryAt })
    .from(loginDelays)
    .where(inArray(loginDelays.key, [keys.account, keys.address]));
  return Math.max(0, ...rows.map((row) => row.retryAt - nowMs));
}

/** Reserves one attempt: 0 when it may go ahead, else how many ms to wait. An attempt refused here counts as none. */
export async function reserveAttempt(db: Database, keys: DelayKeys, nowMs: number): Promise<number> {
  const before = await waitMs(db, keys, nowMs);
  if (before > 0) return before;
  const reserved = await db.batch([
    reserveStatement(db, keys.account, "account", nowMs),
    reserveStatement(db, keys.address, "address", nowMs),
  ]);
  return reserved.every((one) => one.meta.changes > 0) ? 0 : Math.max(1, await waitMs(db, keys, nowMs));
}

/** Takes back one attempt whose password nobody looked at. */
export async function releaseAttempt(db: Database, keys: DelayKeys, nowMs: number): Promise<void> {
  await db.batch([uncountStatement(db, keys.account, nowMs), uncountStatement(db, keys.address, nowMs)]);
}

function uncountStatement(db: Database, key: string, nowMs: number) {
  return db
    .update(loginDelays)
    .set({ failures: sql`max(0, ${loginDelays.failures} - 1)`, retryAt: nowMs })
    .where(eq(loginDelays.key, key));
}

/**
 * After the right password: the account starts afresh; the address gets back only this attempt, so that signing in to
 * an account of one's own buys no more guesses at others.
 */
export function forgiveStatements(db: Database, keys: DelayKeys, nowMs: number) {
  return [
    db.delete(loginDelays).where(eq(loginDelays.key, keys.account)),
    uncountStatement(db, keys.address, nowMs),
  ] as const;
}
