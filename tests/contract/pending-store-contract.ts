import { eq, like } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import { uuidv7 } from "../../core/ids.ts";
import {
  ANNOUNCE_PER_WINDOW,
  ANNOUNCE_WINDOW_MS,
  MAX_PENDING_HOSTS,
  PENDING_TTL_MS,
  type AnnounceBody,
} from "../../protocol/announce.ts";
import type { Database } from "../../worker/bindings.ts";
import {
  machineOf,
  recordAnnounced,
  recordBearerHandedOver,
  recordPendingAccepted,
  recordPendingRejected,
  reserveAnnouncement,
  type PendingHostRow,
} from "../../worker/store/pending-hosts.ts";
import { pendingOutcome } from "../../worker/store/pending-outcome.ts";
import { auditLog, hosts } from "../../worker/store/schema.ts";
import { announcementBody } from "../support/announcing-agent.ts";

const START_MS = Date.UTC(2027, 0, 15, 12);
const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
const audit = (targetId: string) => ({
  actor: "owner",
  actorKind: "user" as const,
  actorId: null,
  action: "host.accept",
  targetKind: "host",
  targetId,
  address: "192.0.2.7",
});
const order = {
  hostName: "Web 1",
  tags: "[]",
  address: "/srv/restic",
  createRepository: 1,
  envKeys: "[]",
  paths: "[]",
  excludes: "[]",
};

async function accept(db: Database, row: PendingHostRow, nowMs: number): Promise<string | null> {
  const newId = () => uuidv7(nowMs, random);
  const hostId = newId();
  const ids = { hostId, repositoryId: newId(), scheduleId: newId(), scheduleName: "", bearerHash: hostId };
  const host = { ...ids, sealed: "sealed", machine: machineOf(row) };
  return (await recordPendingAccepted(db, row.id, host, order, audit(hostId), { nowMs, random })) ? hostId : null;
}

/** What joining by approval relies on in the database; the same on SQLite under Node and on D1 in workerd. */
export function describePendingHosts(runtime: string, open: () => Promise<Database>): void {
  describe(`hosts that wait on ${runtime}`, () => {
    // The D1 of a test file is shared by its tests: each has hours of its own.
    let day = 0;
    const newTimeMs = () => START_MS + ++day * 24 * 3600_000;
    const announce = (db: Database, nowMs: number, body: AnnounceBody = announcementBody({ random })) =>
      recordAnnounced(db, uuidv7(nowMs, random), body, "192.0.2.9", nowMs);
    async function waiting(db: Database, nowMs: number, body?: AnnounceBody): Promise<PendingHostRow> {
      const announced = await announce(db, nowMs, body);
      if (announced.outcome !== "waiting") throw new Error(announced.outcome);
      return announced.row;
    }

    test("after its hour an announcement is neither accepted nor rejected, and hands out no bearer", async () => {
      const db = await open();
      const nowMs = newTimeMs();
      const lateMs = nowMs + PENDING_TTL_MS;
      const body = announcementBody({ random });
      const late = await waiting(db, nowMs, body);
      const accepted = await waiting(db, nowMs);
      const hostId = await accept(db, accepted, lateMs - 1);
      expect(await accept(db, late, lateMs)).toBeNull();
      expect(await recordPendingRejected(db, late.id, audit(late.id), { nowMs: lateMs, random })).toBe(false);
      for (const { id } of [late, accepted])
        expect(await pendingOutcome(db, id, { nowMs: lateMs, random })).toEqual({ type: "expired" });
      expect(await recordBearerHandedOver(db, accepted.id, "late", lateMs)).toBe(false);
      expect(await db.select().from(hosts).where(eq(hosts.id, hostId!))).toMatchObject([{ bearerHash: hostId }]);
      expect((await waiting(db, lateMs, body)).id).not.toBe(late.id);
    });

    test("of fifty accepts at once one makes a host and one audit row; the losers leave no trace", async () => {
      const db = await open();
      const nowMs = newTimeMs();
      const row = await waiting(db, nowMs);
      const made = await Promise.all(Array.from({ length: 50 }, () => accept(db, row, nowMs)));
      const [winner, ...others] = made.filter((hostId) => hostId !== null);
      expect(others).toEqual([]);
      expect(await db.select().from(hosts).where(eq(hosts.signKey, row.signKey))).toMatchObject([{ id: winner }]);
      const audited = await db
        .select()
        .from(auditLog)
        .where(like(auditLog.targetId, `${winner!.slice(0, 13)}%`));
      expect(audited.map(({ targetId }) => targetId)).toEqual([winner]);
    });

    test("of all that announce themselves at once a hundred wait", async () => {
      const db = await open();
      const nowMs = newTimeMs();
      const all = await Promise.all(Array.from({ length: MAX_PENDING_HOSTS + 5 }, () => announce(db, nowMs)));
      expect(all.filter(({ outcome }) => outcome === "waiting")).toHaveLength(MAX_PENDING_HOSTS);
      expect((await announce(db, nowMs + PENDING_TTL_MS)).outcome).toBe("waiting");
    });

    test("of all announcements of one address at once ten a minute go ahead", async () => {
      const db = await open();
      const nowMs = newTimeMs();
      const reserve = (atMs: number) => reserveAnnouncement(db, "198.51.100.1", atMs);
      const waits = await Promise.all(Array.from({ length: 30 }, () => reserve(nowMs)));
      expect(waits.filter((wait) => wait === 0)).toHaveLength(ANNOUNCE_PER_WINDOW);
      expect(await reserve(nowMs + ANNOUNCE_WINDOW_MS - 1)).toBe(1);
      expect(await reserve(nowMs + ANNOUNCE_WINDOW_MS)).toBe(0);
    });
  });
}
