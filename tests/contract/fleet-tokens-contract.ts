import { eq } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import { uuidv7 } from "../../core/ids.ts";
import type { FleetSchedule } from "../../protocol/fleet-token.ts";
import type { Database } from "../../worker/bindings.ts";
import {
  findUsableEnrollment,
  loadEnrollment,
  recordEnrollmentCreated,
  recordEnrollmentRevoked,
} from "../../worker/store/enrollment.ts";
import { findFleetPlaces, listJoins, recordFleetJoined } from "../../worker/store/fleet-tokens.ts";
import { auditLog, hosts, repositories, schedules } from "../../worker/store/schema.ts";

const NOW_MS = Date.UTC(2026, 0, 15, 12);
const HOUR_MS = 3600_000;
const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
const newId = () => uuidv7(NOW_MS, random);
const at = { nowMs: NOW_MS, random };
const audit = (action: string, targetId: string) => ({
  actor: "owner",
  actorKind: "user" as const,
  actorId: null,
  action,
  targetKind: "test",
  targetId,
  address: "192.0.2.7",
});
const schedule: FleetSchedule = {
  name: "Nightly",
  enabled: true,
  manual: false,
  cron: "30 2 * * *",
  timeZone: "Europe/Berlin",
  spreadMinutes: 60,
  catchUp: "once",
  limits: {},
  paths: ["/srv"],
  excludes: [],
  tags: [],
  retention: null,
};

/** A token for `maxUses` hosts, in a place of its own: the D1 of a test file is shared by its tests. */
async function addToken(db: Database, maxUses: number): Promise<{ id: string; secretHash: string }> {
  const id = newId();
  const token = { id, secretHash: `hash-${id}` };
  const row = {
    ...token,
    hostName: "Web servers",
    address: `/srv/${id}/{hostname}`,
    sealed: "sealed",
    paths: "[]",
    createdBy: "owner",
    createdAt: NOW_MS,
    expiresAt: NOW_MS + HOUR_MS,
    maxUses,
    schedule: JSON.stringify(schedule),
  };
  await recordEnrollmentCreated(db, row, audit("enrollment.create", id), at);
  return token;
}

/** One host's attempt with what it was told a moment ago; whether it joined. */
async function join(db: Database, secretHash: string, hostname: string): Promise<boolean> {
  const token = await findUsableEnrollment(db, secretHash, NOW_MS);
  if (!token) return false;
  const [place] = await findFleetPlaces(db, token, hostname);
  const hostId = newId();
  const machine = {
    signKey: `sign-${hostId}`,
    sealKey: `seal-${hostId}`,
    hostname,
    os: "linux",
    arch: "x64",
    agentVersion: "0.1.0",
    resticVersion: "0.18.0",
    machineFacts: {},
  };
  const ids = { hostId, repositoryId: newId(), scheduleId: newId(), scheduleName: "", bearerHash: hostId };
  const host = { ...ids, sealed: "sealed", machine };
  return recordFleetJoined(db, token, place!, host, audit("host.enroll", hostId), at);
}

/** What fleet tokens rely on in the database; the same on SQLite under Node and on D1 in workerd. */
export function describeFleetTokens(runtime: string, open: () => Promise<Database>): void {
  describe(`fleet tokens on ${runtime}`, () => {
    test("of many hosts at once no more join than a token has uses, and its secret goes with the last", async () => {
      const db = await open();
      const { id, secretHash } = await addToken(db, 3);
      const joined = await Promise.all(Array.from({ length: 12 }, (_, n) => join(db, secretHash, `h${n}-${id}`)));
      expect(joined.filter(Boolean)).toHaveLength(3);
      expect(await loadEnrollment(db, id)).toMatchObject({ uses: 3, usedAt: NOW_MS, sealed: null });
      const joins = await listJoins(db, id);
      expect(joins).toHaveLength(3);
      for (const { hostId, repositoryAddress } of joins) {
        expect(await db.select().from(repositories).where(eq(repositories.hostId, hostId))).toMatchObject([
          { address: repositoryAddress },
        ]);
        expect(await db.select().from(schedules).where(eq(schedules.hostId, hostId))).toMatchObject([
          { name: "Nightly", cron: "30 2 * * *", manual: 0, timedAt: NOW_MS },
        ]);
        expect(await db.select().from(auditLog).where(eq(auditLog.targetId, hostId))).toHaveLength(1);
        const [host] = await db.select().from(hosts).where(eq(hosts.id, hostId));
        expect(host).toMatchObject({ plannedSince: NOW_MS, nextDueAt: expect.any(Number) });
      }
    });

    test("of two hosts in one place one joins, and the other leaves no trace", async () => {
      const db = await open();
      const { id, secretHash } = await addToken(db, 10);
      const hostname = `same-${id}`;
      const joined = await Promise.all([join(db, secretHash, hostname), join(db, secretHash, hostname)]);
      expect(joined.filter(Boolean).length).toBe((await listJoins(db, id)).length);
      expect((await loadEnrollment(db, id))?.uses).toBe(joined.filter(Boolean).length);
      expect(await join(db, secretHash, hostname)).toBe(true);
      const names = (await listJoins(db, id)).map(({ hostName }) => hostName);
      expect(new Set(names).size).toBe(names.length);
    });

    test("a token that was used and revoked lets nobody in, and still tells who joined", async () => {
      const db = await open();
      const { id, secretHash } = await addToken(db, 10);
      expect(await join(db, secretHash, `web-${id}`)).toBe(true);
      expect(await recordEnrollmentRevoked(db, id, audit("enrollment.revoke", id), at)).toBe(true);
      expect(await join(db, secretHash, `db-${id}`)).toBe(false);
      expect(await listJoins(db, id)).toMatchObject([{ hostName: `web-${id}`, address: "192.0.2.7", exists: true }]);
    });
  });
}
