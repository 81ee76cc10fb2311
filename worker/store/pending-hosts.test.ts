import { afterEach, beforeEach, expect, test } from "vitest";
import { uuidv7 } from "../../core/ids.ts";
import { makeSignPair } from "../../core/secrets/sign.ts";
import { makeSealPair } from "../../core/secrets/to-host.ts";
import { ANNOUNCE_WINDOW_MS, MAX_PENDING_HOSTS, PENDING_TTL_MS, type AnnounceBody } from "../../protocol/announce.ts";
import { addHost } from "../../tests/support/fleet.ts";
import { startTestServer, type TestServer } from "../../tests/support/server.ts";
import { eraseExpired } from "./expired.ts";
import type { NewHost } from "./new-host.ts";
import {
  listPendingHosts,
  loadPendingHost,
  machineOf,
  recordAnnounced,
  recordBearerHandedOver,
  recordPendingAccepted,
  recordPendingRejected,
  reserveAnnouncement,
} from "./pending-hosts.ts";

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer({ routes: [] });
});
afterEach(() => server.close());

const ORDER = {
  hostName: "Web 1",
  tags: '["prod"]',
  address: "/srv/restic",
  createRepository: 1,
  envKeys: "[]",
  paths: '["/srv"]',
  excludes: "[]",
};
const at = () => ({ nowMs: server.nowMs(), random: server.runtime.random });
const newId = () => uuidv7(server.nowMs(), server.runtime.random);
const rows = (table: string) => server.sqlite.prepare(`SELECT * FROM ${table}`).all() as Record<string, unknown>[];
const audit = (action: string) => ({
  actor: "ada",
  actorKind: "user" as const,
  actorId: null,
  action,
  targetKind: "host",
  targetId: "x",
  address: "192.0.2.1",
});

function body(over: Partial<AnnounceBody> = {}): AnnounceBody {
  const { random } = server.runtime;
  return {
    signKey: makeSignPair(random).publicKey,
    sealKey: makeSealPair(random).publicKey,
    proof: "A".repeat(86),
    hostname: "web-1",
    os: "linux",
    arch: "x64",
    agentVersion: "0.1.0",
    resticVersion: "0.18.0",
    machineFacts: { machineId: "abc" },
    ...over,
  };
}
const announce = (what = body()) => recordAnnounced(server.db, newId(), what, "192.0.2.9", server.nowMs());
async function waitingRow(what = body()) {
  const announced = await announce(what);
  if (announced.outcome !== "waiting") throw new Error(announced.outcome);
  return announced.row;
}
async function accept(pendingId: string, machine: NewHost["machine"]): Promise<boolean> {
  const host = {
    hostId: newId(),
    repositoryId: newId(),
    scheduleId: newId(),
    scheduleName: "First paths",
    bearerHash: `unissued ${newId()}`,
    sealed: "rm1.sealed",
    machine,
  };
  return recordPendingAccepted(server.db, pendingId, host, ORDER, audit("host.accept"), at());
}

test("the same keys announced again are one row, seen again, and its hour does not start anew", async () => {
  const what = body();
  const first = await waitingRow(what);
  server.advance(1000);
  const again = await waitingRow(what);
  expect(again).toEqual({ ...first, lastSeenAt: first.lastSeenAt + 1000 });
  expect(await announce({ ...what, sealKey: body().sealKey })).toEqual({ outcome: "known-key" });
  server.advance(PENDING_TTL_MS);
  expect((await waitingRow(what)).id).not.toBe(first.id);
});

test("of fifty accepts at once one makes a host, with everything an enrolment makes; the others who wait are left", async () => {
  const [row, other] = [await waitingRow(), await waitingRow()];
  const won = await Promise.all(Array.from({ length: 50 }, () => accept(row.id, machineOf(row))));
  expect(won.filter(Boolean)).toHaveLength(1);
  for (const table of ["hosts", "repositories", "repository_credentials", "schedules", "audit_log"])
    expect({ table, rows: rows(table).length }).toEqual({ table, rows: 1 });
  expect(rows("hosts")[0]).toMatchObject({
    name: "Web 1",
    hostname: "web-1",
    sign_key: row.signKey,
    config_version: 1,
  });
  expect((await listPendingHosts(server.db, server.nowMs())).map(({ id }) => id)).toEqual([other.id]);
});

test("who is rejected or late cannot be accepted, and hears what became of it until its hour is over", async () => {
  const what = body();
  const row = await waitingRow(what);
  expect(await recordPendingRejected(server.db, row.id, audit("host.reject"), at())).toBe(true);
  expect(await recordPendingRejected(server.db, row.id, audit("host.reject"), at())).toBe(false);
  expect(await announce(what)).toMatchObject({ outcome: "rejected" });
  expect(await accept(row.id, machineOf(row))).toBe(false);
  const late = await waitingRow();
  server.advance(PENDING_TTL_MS);
  expect(await accept(late.id, machineOf(late))).toBe(false);
  expect(await loadPendingHost(server.db, row.id, server.nowMs())).toBeNull();
  expect(rows("hosts")).toEqual([]);
  await eraseExpired(server.db, server.nowMs());
  expect(rows("pending_hosts")).toEqual([]);
  expect(rows("audit_log")).toHaveLength(1);
});

test("a key that has joined is refused, also when it joined while it waited", async () => {
  await addHost(server.runtime);
  const joined = rows("hosts")[0]!["sign_key"] as string;
  expect(await announce(body({ signKey: joined }))).toEqual({ outcome: "known-key" });
  const what = body();
  const row = await waitingRow(what);
  server.sqlite.prepare("UPDATE hosts SET sign_key = ?").run(row.signKey);
  expect(await announce(what)).toEqual({ outcome: "known-key" });
  expect(await accept(row.id, machineOf(row))).toBe(false);
});

test("of more than a hundred at once a hundred wait, and each that is rejected makes room", async () => {
  const all = await Promise.all(Array.from({ length: MAX_PENDING_HOSTS + 5 }, () => announce()));
  expect(all.filter(({ outcome }) => outcome === "full")).toHaveLength(5);
  const [first] = await listPendingHosts(server.db, server.nowMs());
  await recordPendingRejected(server.db, first!.id, audit("host.reject"), at());
  expect((await announce()).outcome).toBe("waiting");
  expect((await announce()).outcome).toBe("full");
});

test("ten announcements a minute go ahead from one address, an IPv6 /64 being one; others are not held up", async () => {
  const reserve = (address: string) => reserveAnnouncement(server.db, address, server.nowMs());
  const waits = await Promise.all(Array.from({ length: 12 }, (_, i) => reserve(`2001:db8::${i + 1}`)));
  expect(waits.filter((wait) => wait === 0)).toHaveLength(10);
  expect(await reserve("192.0.2.9")).toBe(0);
  server.advance(ANNOUNCE_WINDOW_MS - 1);
  expect(await reserve("2001:db8::1")).toBe(1);
  server.advance(1);
  expect(await reserve("2001:db8::1")).toBe(0);
  await eraseExpired(server.db, server.nowMs());
  expect(rows("announce_windows")).toHaveLength(1);
});

test("a host that waits is shown with the hosts and others that have a like name", async () => {
  const { hostId } = await addHost(server.runtime, { name: "WEB-1." });
  const row = await waitingRow();
  server.advance(1);
  const twin = await waitingRow(body({ hostname: "w\u0435b-1" }));
  server.advance(1);
  await waitingRow(body({ hostname: "db-1" }));
  const [first, , third] = await listPendingHosts(server.db, server.nowMs());
  expect(first).toMatchObject({ id: row.id, fingerprint: expect.stringMatching(/^([0-9a-f]{4} ){15}[0-9a-f]{4}$/) });
  expect(first!.twins).toEqual([
    { kind: "host", id: hostId, name: "WEB-1." },
    { kind: "pending", id: twin.id, name: "w\u0435b-1" },
  ]);
  expect(third!.twins).toEqual([]);
  server.sqlite.prepare("UPDATE hosts SET hostname = 'web-1'").run();
  expect((await listPendingHosts(server.db, server.nowMs()))[0]!.twins).toHaveLength(2);
  for (let i = 0; i < 12; i++) await waitingRow();
  expect((await listPendingHosts(server.db, server.nowMs()))[0]!.twins).toHaveLength(10);
});

test("an accepted host gets a bearer until it has connected", async () => {
  const row = await waitingRow();
  const give = (hash: string) => recordBearerHandedOver(server.db, row.id, hash, server.nowMs());
  expect(await give("early")).toBe(false);
  await accept(row.id, machineOf(row));
  expect([await give("first"), await give("second")]).toEqual([true, true]);
  expect(rows("hosts")[0]).toMatchObject({ bearer_hash: "second" });
  server.sqlite.prepare("UPDATE hosts SET last_seen_at = 1").run();
  expect(await give("third")).toBe(false);
});
