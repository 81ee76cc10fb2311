import { eq, sql } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import { uuidv7 } from "../../core/ids.ts";
import type { JobFact, SnapshotFact } from "../../core/relay/facts.ts";
import type { Role } from "../../protocol/api.ts";
import type { ScheduleInput } from "../../protocol/schedule.ts";
import type { Database } from "../../worker/bindings.ts";
import { auditStatement, listAudit, type AuditEntry } from "../../worker/store/audit.ts";
import { recordFirstAdmin, replaceBootstrapToken } from "../../worker/store/bootstrap.ts";
import { delayKeys, reserveAttempt } from "../../worker/store/delays.ts";
import { recordFacts } from "../../worker/store/facts.ts";
import { listHostDays } from "../../worker/store/hosts.ts";
import { recordScheduleAdded, recordScheduleEdited, recordScheduleRemoved } from "../../worker/store/schedule-edits.ts";
import { listSchedules } from "../../worker/store/schedules.ts";
import {
  auditLog,
  bootstrap,
  hosts,
  loginDelays,
  repositories,
  schedules,
  sessions,
  users,
} from "../../worker/store/schema.ts";
import { loadSession, recordSessionEnded, recordSignedIn, SESSION_TTL_MS } from "../../worker/store/sessions.ts";
import {
  listTokens,
  loadToken,
  noteTokenUsed,
  recordTokenCreated,
  recordTokenRevoked,
} from "../../worker/store/tokens.ts";

const NOW_MS = Date.UTC(2026, 0, 15, 12);
const HOUR_MS = 3600_000;
const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
const newId = () => uuidv7(NOW_MS, random);
const at = { nowMs: NOW_MS, random };
const entry = (action: string, targetId = newId()): AuditEntry => ({
  actor: "owner",
  actorKind: "user",
  actorId: null,
  action,
  targetKind: "test",
  targetId,
  address: "192.0.2.7",
});

/** What the server relies on in its database; the same on SQLite under Node and on D1 in workerd. Needs the migrations. */
export function describeStore(runtime: string, open: () => Promise<Database>): void {
  async function addUser(db: Database, role: Role = "operator"): Promise<string> {
    const id = newId();
    await db.insert(users).values({ id, username: `user-${id}`, role, createdAt: NOW_MS });
    return id;
  }
  const auditOf = async (db: Database, action: string) =>
    (await db.select().from(auditLog).where(eq(auditLog.action, action))).length;

  describe(`the database on ${runtime}`, () => {
    test("a batch is all or nothing", async () => {
      const db = await open();
      const id = newId();
      const row = { id, username: `user-${id}`, role: "viewer" as const, createdAt: NOW_MS };
      await expect(db.batch([db.insert(users).values(row), db.insert(users).values(row)])).rejects.toThrow();
      expect(await db.select().from(users).where(eq(users.id, id))).toEqual([]);
    });

    test("a guarded update that loses its race leaves no audit row", async () => {
      const db = await open();
      const id = await addUser(db);
      const action = `promote-${id}`;
      const promote = async () => {
        const [changed] = await db.batch([
          db
            .update(users)
            .set({ role: "admin" })
            .where(sql`${users.id} = ${id} AND ${users.role} = 'operator'`),
          auditStatement(db, entry(action), { ...at, ifChanged: true }),
        ]);
        return changed.meta.changes > 0;
      };
      expect([await promote(), await promote()]).toEqual([true, false]);
      expect(await auditOf(db, action)).toBe(1);
    });

    test("transactions, more than 100 parameters and values that are no column's are refused", async () => {
      const db = await open();
      await expect(async () => db.run(sql`BEGIN`)).rejects.toThrow();
      await expect(async () => db.run(sql`SAVEPOINT one`)).rejects.toThrow();
      const many = sql.join(
        Array.from({ length: 101 }, (_, i) => sql`${i}`),
        sql`, `,
      );
      await expect(async () => db.all(sql`SELECT 1 WHERE 1 IN (${many})`)).rejects.toThrow();
      await expect(async () => db.all(sql`SELECT ${1n}`)).rejects.toThrow();
      const list = JSON.stringify(Array.from({ length: 1000 }, (_, i) => i));
      expect(await db.all(sql`SELECT count(*) AS n FROM json_each(${list})`)).toEqual([{ n: 1000 }]);
    });

    test("deleting a parent takes its children along", async () => {
      const db = await open();
      const userId = await addUser(db);
      const keys = delayKeys(userId, "192.0.2.7");
      await recordSignedIn(db, { idHash: newId(), userId, username: "u", address: "192.0.2.7" }, keys, at);
      await db.delete(users).where(eq(users.id, userId));
      expect(await db.select().from(sessions).where(eq(sessions.userId, userId))).toEqual([]);
    });
  });

  describe(`the stores of access on ${runtime}`, () => {
    test("a session lasts its time, ends once, and only for an enabled user of its epoch", async () => {
      const db = await open();
      const userId = await addUser(db);
      const keys = delayKeys(userId, "192.0.2.7");
      const session = { idHash: newId(), userId, username: "u", address: "192.0.2.7" };
      expect(await recordSignedIn(db, session, keys, at)).toBe(true);
      expect(await loadSession(db, session.idHash, NOW_MS)).toMatchObject({ userId, role: "operator" });
      expect(await loadSession(db, session.idHash, NOW_MS + SESSION_TTL_MS)).toBeNull();
      await db.update(users).set({ sessionEpoch: 2 }).where(eq(users.id, userId));
      expect(await loadSession(db, session.idHash, NOW_MS)).toBeNull();
      await recordSessionEnded(db, session, at);
      await recordSessionEnded(db, session, at);
      const ended = await listAudit(db, { limit: 10, action: "session.end", target: userId });
      expect(ended.items).toHaveLength(1);
      await db.update(users).set({ disabledAt: NOW_MS }).where(eq(users.id, userId));
      expect(await recordSignedIn(db, { ...session, idHash: newId() }, keys, at)).toBe(false);
    });

    test("of failures at once each is counted, and the delay grows from the third on", async () => {
      const db = await open();
      const keys = delayKeys(newId(), `198.51.100.${Math.floor(Math.random() * 250)}`);
      const answers = await Promise.all(Array.from({ length: 8 }, () => reserveAttempt(db, keys, NOW_MS)));
      expect(answers.filter((wait) => wait === 0)).toHaveLength(3);
      expect(await reserveAttempt(db, keys, NOW_MS)).toBe(1000);
      expect(await reserveAttempt(db, keys, NOW_MS + 1000)).toBe(0);
      expect(await reserveAttempt(db, keys, NOW_MS + 1000)).toBe(2000);
      const rows = await db.select().from(loginDelays).where(eq(loginDelays.key, keys.account));
      expect(rows).toMatchObject([{ failures: 4 }]);
    });

    test("a token is found by its hash until it expires or is revoked, and noted as used once an hour", async () => {
      const db = await open();
      const userId = await addUser(db);
      const token = { id: newId(), secretHash: newId(), userId, name: "t", role: "viewer" as const, expiresAtMs: null };
      expect(await recordTokenCreated(db, token, entry("token.create", token.id), at)).toBe(true);
      const found = await loadToken(db, token.secretHash, NOW_MS);
      expect(found).toMatchObject({ tokenRole: "viewer", userRole: "operator", lastUsedAtMs: null });
      await noteTokenUsed(db, found!, NOW_MS);
      await noteTokenUsed(db, found!, NOW_MS + 1);
      expect(await listTokens(db, userId)).toMatchObject([{ id: token.id, lastUsedAtMs: NOW_MS }]);
      expect(await recordTokenRevoked(db, token, entry("token.revoke", token.id), at)).toBe(true);
      expect(await recordTokenRevoked(db, token, entry("token.revoke", token.id), at)).toBe(false);
      expect(await loadToken(db, token.secretHash, NOW_MS)).toBeNull();
    });

    test("of two first administrators at once, one wins and the token is used up", async () => {
      const db = await open();
      await db.delete(users);
      expect(await replaceBootstrapToken(db, "hash-1", NOW_MS)).toBe(true);
      expect(await replaceBootstrapToken(db, "hash-2", NOW_MS)).toBe(true);
      const admin = (tokenHash: string) => ({
        userId: newId(),
        username: `owner-${newId()}`,
        password: "$argon2id$",
        sessionHash: newId(),
        address: "192.0.2.7",
        tokenHash,
      });
      expect(await recordFirstAdmin(db, admin("hash-1"), at)).toBe(false);
      const won = await Promise.all([
        recordFirstAdmin(db, admin("hash-2"), at),
        recordFirstAdmin(db, admin("hash-2"), at),
      ]);
      expect(won.filter(Boolean)).toHaveLength(1);
      expect(await db.select().from(bootstrap)).toEqual([]);
      expect(await replaceBootstrapToken(db, "hash-3", NOW_MS)).toBe(false);
    });

    test("audit pages cover every row once, newest first", async () => {
      const db = await open();
      const action = `page-${newId()}`;
      const targets = Array.from({ length: 7 }, () => newId());
      for (const [i, target] of targets.entries()) {
        await auditStatement(db, entry(action, target), { nowMs: NOW_MS + i, random });
      }
      const seen: string[] = [];
      for (let after: string | undefined, pages = 0; pages < 5; pages++) {
        const page = await listAudit(db, { limit: 3, action, after });
        seen.push(...page.items.map((row) => row.targetId));
        after = page.next;
        if (after === undefined) break;
      }
      expect(seen).toEqual(targets.toReversed());
    });

    test("a flush of the largest snapshots an agent can report is taken", async () => {
      const db = await open();
      const { hostId, repositoryId } = await addHost(db);
      const paths = Array.from({ length: 1000 }, (_, i) => `/srv/${i}/${"p".repeat(230)}`);
      const facts = Array.from({ length: 30 }, (_, i): SnapshotFact => {
        const id = i.toString(16).padStart(64, "0");
        const snapshot = { id, timeMs: NOW_MS, hostname: "web-1", paths, tags: [] };
        return { fact: "snapshot", repositoryId, snapshot, atMs: NOW_MS };
      });
      await recordFacts(db, hostId, facts, at);
      const [host] = await db.select().from(hosts).where(eq(hosts.id, hostId));
      expect(host?.snapshotCount).toBe(30);
    });
  });

  describe(`the stores of schedules on ${runtime}`, () => {
    const hourly = (repositoryId: string): ScheduleInput => ({
      kind: "backup",
      name: "Hourly",
      repositoryId,
      enabled: true,
      manual: false,
      cron: "0 * * * *",
      timeZone: "UTC",
      spreadMinutes: 0,
      catchUp: "once",
      limits: {},
      paths: ["/srv"],
      excludes: [],
      tags: [],
      retention: { keep: { daily: 7 }, when: "after_backup" },
    });
    const hostOf = async (db: Database, id: string) => (await db.select().from(hosts).where(eq(hosts.id, id)))[0]!;

    test("edits at once each win or are told, and the host says what is due", async () => {
      const db = await open();
      const { hostId, repositoryId } = await addHost(db);
      const [one, two] = [newId(), newId()];
      const input = hourly(repositoryId);
      const add = (id: string) => recordScheduleAdded(db, hostId, id, input, entry("schedule.create", id), at);
      expect(await Promise.all([add(one), add(two)])).toEqual(["done", "done"]);
      const edit = { hostId, scheduleId: one, version: 1, input: { ...input, enabled: false }, confirmPlan: null };
      const edits = await Promise.all(
        [1, 2].map(() => recordScheduleEdited(db, edit, entry("schedule.edit", one), at)),
      );
      expect(edits.toSorted()).toEqual(["changed", "done"]);
      expect(await hostOf(db, hostId)).toMatchObject({ scheduleVersion: 3, nextDueAt: NOW_MS + HOUR_MS });
      const removal = { hostId, scheduleId: two, version: 1 };
      expect(await recordScheduleRemoved(db, removal, entry("schedule.delete", two), at)).toBe("done");
      expect(await hostOf(db, hostId)).toMatchObject({ scheduleVersion: 4, nextDueAt: null, protectedUntil: null });
      expect((await listSchedules(db, hostId, NOW_MS)).map(({ id }) => id)).toEqual([one]);
    });

    test("a scheduled backup moves what is due, wakes its retention and closes the day before", async () => {
      const db = await open();
      const { hostId, repositoryId } = await addHost(db);
      const id = newId();
      await recordScheduleAdded(db, hostId, id, hourly(repositoryId), entry("schedule.create", id), at);
      const verdict = (atMs: number): JobFact => ({
        fact: "job",
        jobId: newId(),
        factNo: 3,
        kind: "backup",
        state: "succeeded",
        source: "schedule",
        repositoryId,
        scheduleId: id,
        createdAtMs: atMs,
        nominalMs: atMs,
        missed: 0,
        startedAtMs: atMs,
        finishedAtMs: atMs,
        receivedAtMs: atMs,
        warnings: 0,
        failure: null,
        lastError: null,
        summary: null,
        result: null,
        resticVersion: null,
      });
      const facts = [0, 13, 25, 37].map((hours) => verdict(NOW_MS + hours * HOUR_MS));
      const later = { nowMs: NOW_MS + 38 * HOUR_MS, random };
      const messages = await recordFacts(db, hostId, facts, later);
      expect(messages.map(({ type }) => type)).toEqual(["hostChanged", ...facts.map(() => "jobChanged")]);
      expect(await hostOf(db, hostId)).toMatchObject({ nextDueAt: NOW_MS + 38 * HOUR_MS, dayOutcome: 1 });
      expect(await listHostDays(db, hostId, 7, later.nowMs)).toHaveLength(3);
      const [schedule] = await listSchedules(db, hostId, later.nowMs);
      expect(schedule).toMatchObject({ lastRun: { jobId: facts[3]!.jobId, outcome: "succeeded" } });
      const [row] = await db.select().from(schedules).where(eq(schedules.id, id));
      expect(row?.firesAt).toBe(later.nowMs);
      expect(await recordFacts(db, hostId, facts, later)).toEqual([]);
    });
  });
}

/** A host with a repository, as enrolment leaves them. */
export async function addHost(db: Database): Promise<{ hostId: string; repositoryId: string }> {
  const [hostId, repositoryId] = [newId(), newId()];
  const made = { createdAt: NOW_MS, hostname: "web-1", os: "linux", arch: "x64", agentVersion: "0.1.0" };
  const keys = { signKey: hostId, sealKey: hostId, bearerHash: hostId };
  await db.insert(hosts).values({ id: hostId, name: "web-1", resticVersion: "", severity: 3, ...made, ...keys });
  await db
    .insert(repositories)
    .values({ id: repositoryId, hostId, address: "/srv", createdAt: NOW_MS, updatedAt: NOW_MS });
  return { hostId, repositoryId };
}
