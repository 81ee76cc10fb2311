import { asc, eq, sql } from "drizzle-orm";
import { addressGroup } from "../../core/access/sign-in-delay.ts";
import { announceWaitMs } from "../../core/enrollment/announce-limits.ts";
import { fingerprintOf, groupFingerprint } from "../../core/enrollment/fingerprint.ts";
import type { RandomBytes } from "../../core/ids.ts";
import {
  ANNOUNCE_PER_WINDOW,
  ANNOUNCE_WINDOW_MS,
  MAX_PENDING_HOSTS,
  PENDING_TTL_MS,
  type AnnounceBody,
  type PendingHostResource,
} from "../../protocol/announce.ts";
import type { Database } from "../bindings.ts";
import { auditStatement, type AuditEntry } from "./audit.ts";
import { insertWhere } from "./insert-where.ts";
import { newHostStatements, type HostOrder, type NewHost } from "./new-host.ts";
import { announceWindows, hosts, pendingHosts } from "./schema.ts";

type Twin = PendingHostResource["twins"][number];

/** Twins shown with one host: to see that there are some, and to keep what strangers can make the answer hold small. */
const MAX_TWINS = 10;

export type PendingHostRow = typeof pendingHosts.$inferSelect;

/** Counts one announcement of `address`: 0 when it may go ahead, else how many ms to wait. A refused one writes nothing. */
export async function reserveAnnouncement(db: Database, address: string, nowMs: number): Promise<number> {
  const group = addressGroup(address);
  // A start that lies ahead was written by a clock since set back.
  const over = sql`(${announceWindows.startedAt} <= ${nowMs - ANNOUNCE_WINDOW_MS} OR ${announceWindows.startedAt} > ${nowMs})`;
  const [counted] = await db.batch([
    db
      .insert(announceWindows)
      .values({ address: group, startedAt: nowMs, count: 1 })
      .onConflictDoUpdate({
        target: announceWindows.address,
        set: {
          startedAt: sql`CASE WHEN ${over} THEN ${nowMs} ELSE ${announceWindows.startedAt} END`,
          count: sql`CASE WHEN ${over} THEN 1 ELSE ${announceWindows.count} + 1 END`,
        },
        setWhere: sql`${over} OR ${announceWindows.count} < ${ANNOUNCE_PER_WINDOW}`,
      }),
  ]);
  if (counted.meta.changes > 0) return 0;
  const rows = await db.select().from(announceWindows).where(eq(announceWindows.address, group)).limit(1);
  const window = rows[0] ? { startedAtMs: rows[0].startedAt, count: rows[0].count } : null;
  return Math.max(1, announceWaitMs(window, nowMs));
}

export type Announcement =
  | { outcome: "waiting" | "accepted" | "rejected"; row: PendingHostRow }
  /** A host has joined with this key, or the key waits with another seal key. */
  | { outcome: "known-key" }
  | { outcome: "full" };

/**
 * Notes that an agent announced itself, its keys and proof checked already. The same keys again are the same row, seen
 * again; what became of a row that is decided is told.
 */
export async function recordAnnounced(
  db: Database,
  pendingId: string,
  body: AnnounceBody,
  address: string,
  nowMs: number,
): Promise<Announcement> {
  const { signKey, sealKey } = body;
  const row = {
    id: pendingId,
    signKey,
    sealKey,
    fingerprint: fingerprintOf(signKey),
    hostname: body.hostname,
    os: body.os,
    arch: body.arch,
    agentVersion: body.agentVersion,
    resticVersion: body.resticVersion,
    machineFacts: JSON.stringify(body.machineFacts),
    address,
    firstSeenAt: nowMs,
    lastSeenAt: nowMs,
    expiresAt: nowMs + PENDING_TTL_MS,
  };
  const isJoined = sql`EXISTS (SELECT 1 FROM hosts WHERE sign_key = ${signKey})`;
  const hasRow = sql`EXISTS (SELECT 1 FROM pending_hosts WHERE sign_key = ${signKey})`;
  const waiting = sql`(SELECT count(*) FROM pending_hosts WHERE ${isWaiting(nowMs)})`;
  await db.batch([
    db.delete(pendingHosts).where(sql`sign_key = ${signKey} AND expires_at <= ${nowMs}`),
    db
      .update(pendingHosts)
      .set({ lastSeenAt: nowMs })
      .where(sql`sign_key = ${signKey} AND seal_key = ${sealKey} AND state = 'waiting'`),
    insertWhere(db, pendingHosts, row, sql`NOT ${isJoined} AND NOT ${hasRow} AND ${waiting} < ${MAX_PENDING_HOSTS}`),
  ]);
  const [joined, rows] = await Promise.all([
    db.select({ id: hosts.id }).from(hosts).where(eq(hosts.signKey, signKey)).limit(1),
    db.select().from(pendingHosts).where(eq(pendingHosts.signKey, signKey)).limit(1),
  ]);
  const kept = rows[0];
  if (kept && kept.sealKey === sealKey && kept.hostId === (joined[0]?.id ?? kept.hostId))
    return { outcome: kept.state, row: kept };
  return { outcome: kept || joined.length > 0 ? "known-key" : "full" };
}

function isWaiting(nowMs: number) {
  return sql`state = 'waiting' AND expires_at > ${nowMs}`;
}

/** The row, whatever became of it; null when its hour is over. */
export async function loadPendingHost(db: Database, pendingId: string, nowMs: number): Promise<PendingHostRow | null> {
  const rows = await db
    .select()
    .from(pendingHosts)
    .where(sql`id = ${pendingId} AND expires_at > ${nowMs}`)
    .limit(1);
  return rows[0] ?? null;
}

/** Hosts that wait, in the order they came, at most 100, each with the first ten that have a like name. */
export async function listPendingHosts(db: Database, nowMs: number): Promise<PendingHostResource[]> {
  const rows = await db.select().from(pendingHosts).where(isWaiting(nowMs)).orderBy(asc(pendingHosts.id));
  if (rows.length === 0) return [];
  const joined = await db.select({ id: hosts.id, name: hosts.name, hostname: hosts.hostname }).from(hosts);
  const names = [
    ...joined.flatMap(({ id, name, hostname }) =>
      [name, hostname].map((each) => ({ kind: "host" as const, id, name: each })),
    ),
    ...rows.map(({ id, hostname }) => ({ kind: "pending" as const, id, name: hostname })),
  ];
  // Loaded when first needed: the list of letters that look alike takes 8 ms to read, a fifteenth of a start.
  const { twinFinder } = await import("../../core/enrollment/twin-name.ts");
  const alike = twinFinder(names);
  return rows.map((row) => ({
    id: row.id,
    fingerprint: groupFingerprint(row.fingerprint),
    hostname: row.hostname,
    os: row.os,
    arch: row.arch,
    agentVersion: row.agentVersion,
    resticVersion: row.resticVersion,
    address: row.address,
    firstSeenAtMs: row.firstSeenAt,
    lastSeenAtMs: row.lastSeenAt,
    expiresAtMs: row.expiresAt,
    twins: firstTwins(alike(row.hostname), row.id),
  }));
}

/** The first few, without the row itself; a host whose name and hostname are both alike is one. */
function firstTwins(alike: readonly Twin[], rowId: string): Twin[] {
  const twins = new Map<string, Twin>();
  for (const twin of alike) {
    if (twin.id !== rowId && !twins.has(twin.id)) twins.set(twin.id, twin);
    if (twins.size === MAX_TWINS) break;
  }
  return [...twins.values()];
}

/**
 * Makes the host that was accepted, exactly as enrolment does, in one batch with the end of its waiting. False when it
 * waits no more or its key has joined: then nothing is written. `host.machine` is the row's.
 */
export async function recordPendingAccepted(
  db: Database,
  pendingId: string,
  host: NewHost,
  order: HostOrder,
  audit: AuditEntry,
  at: { nowMs: number; random: RandomBytes },
): Promise<boolean> {
  const won = sql`EXISTS (SELECT 1 FROM ${pendingHosts} WHERE id = ${pendingId} AND host_id = ${host.hostId})`;
  const [accepted] = await db.batch([
    db
      .update(pendingHosts)
      .set({ state: "accepted", hostId: host.hostId })
      .where(
        sql`id = ${pendingId} AND ${isWaiting(at.nowMs)} AND NOT EXISTS (SELECT 1 FROM hosts WHERE sign_key = ${host.machine.signKey})`,
      ),
    ...newHostStatements(db, host, order, won, at.nowMs),
    auditStatement(db, audit, { ...at, ifChanged: true }),
  ]);
  return accepted.meta.changes > 0;
}

/** What a new host keeps of its announcement. */
export function machineOf(row: PendingHostRow): NewHost["machine"] {
  const { signKey, sealKey, hostname, os, arch, agentVersion, resticVersion } = row;
  const machineFacts = JSON.parse(row.machineFacts) as Record<string, string>;
  return { signKey, sealKey, hostname, os, arch, agentVersion, resticVersion, machineFacts };
}

/**
 * Gives an accepted host the bearer with this hash in place of the one before: for whoever has just proved its key.
 * False when it is not accepted, its hour is over, or it has connected already.
 */
export async function recordBearerHandedOver(
  db: Database,
  pendingId: string,
  bearerHash: string,
  nowMs: number,
): Promise<boolean> {
  const [given] = await db.batch([
    db
      .update(hosts)
      .set({ bearerHash })
      .where(
        sql`last_seen_at IS NULL AND id = (SELECT host_id FROM pending_hosts WHERE id = ${pendingId} AND state = 'accepted' AND expires_at > ${nowMs})`,
      ),
  ]);
  return given.meta.changes > 0;
}

/** Turns away a host that waits. False when it waits no more. */
export async function recordPendingRejected(
  db: Database,
  pendingId: string,
  audit: AuditEntry,
  at: { nowMs: number; random: RandomBytes },
): Promise<boolean> {
  const [rejected] = await db.batch([
    db
      .update(pendingHosts)
      .set({ state: "rejected" })
      .where(sql`id = ${pendingId} AND ${isWaiting(at.nowMs)}`),
    auditStatement(db, audit, { ...at, ifChanged: true }),
  ]);
  return rejected.meta.changes > 0;
}
