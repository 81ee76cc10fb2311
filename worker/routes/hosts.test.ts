import { afterEach, beforeEach, expect, test } from "vitest";
import type { Page, HostResource, SnapshotResource } from "../../protocol/api.ts";
import { addHost, type TestHost } from "../../tests/support/fleet.ts";
import { startTestServer, type Caller, type TestServer } from "../../tests/support/server.ts";
import { recordFacts } from "../store/facts.ts";

let server: TestServer;
let admin: Caller;
let host: TestHost;
beforeEach(async () => {
  server = await startTestServer();
  admin = await server.user("admin");
  host = await addHost(server.runtime, { name: "web-1", tags: ["prod", "Web"] });
});
afterEach(() => server.close());

const audited = () => server.sqlite.prepare("SELECT action, actor, target_id, detail FROM audit_log").all();
const get = async (path: string) => (await server.call("GET", path, { as: admin })).json;

async function walk<T>(path: string): Promise<T[]> {
  const items: T[] = [];
  for (let after = ""; ;) {
    const page = (await get(`${path}${after}`)) as Page<T>;
    items.push(...page.items);
    if (page.next === undefined) return items;
    after = `&after=${page.next}`;
  }
}

test("hosts come worst first, then by name, page by page, without gaps", async () => {
  for (let i = 0; i < 23; i++) await addHost(server.runtime, { name: `host-${i % 7}` });
  server.sqlite.exec("UPDATE hosts SET severity = abs(random()) % 6");
  const all = server.sqlite.prepare("SELECT id FROM hosts ORDER BY severity, name, id").pluck().all();
  const walked = await walk<HostResource>("/api/hosts?limit=4");
  expect(walked.map((item) => item.id)).toEqual(all);
});

test("hosts are found by status, tag and part of a name or tag, and hostile filters find nothing", async () => {
  await addHost(server.runtime, { name: "db-1", tags: ["prod"] });
  const names = async (query: string) =>
    ((await get(`/api/hosts?${query}`)) as Page<HostResource>).items.map((h) => h.name);
  expect(await names("tag=Web")).toEqual(["web-1"]);
  expect(await names("tag=we")).toEqual([]);
  expect(await names("q=WEB")).toEqual(["web-1"]);
  expect(await names("q=prod")).toEqual(["db-1", "web-1"]);
  expect(await names("status=offline")).toEqual(["db-1", "web-1"]);
  expect(await names("status=failing")).toEqual([]);
  for (const q of ["%25", "[", '"', "' OR 1=1 --"]) expect(await names(`q=${q}`)).toEqual([]);
  expect((await server.call("GET", "/api/hosts?after=nonsense", { as: admin })).status).toBe(422);
  expect((await server.call("GET", "/api/hosts?limit=0", { as: admin })).status).toBe(422);
});

test("a host carries its latest job", async () => {
  const insert = server.sqlite.prepare(
    "INSERT INTO jobs (id, host_id, kind, state, source, created_at) VALUES (?, ?, 'backup', 'running', 'asked', ?)",
  );
  const id = (n: number) => `00000000-0000-7000-8000-00000000000${n}`;
  for (const n of [1, 3, 2]) insert.run(id(n), host.hostId, n);
  const other = await addHost(server.runtime, { name: "db-1" });
  const { items } = (await get("/api/hosts")) as Page<HostResource>;
  expect(items.find((item) => item.id === host.hostId)?.latestJob).toEqual({
    id: id(3),
    kind: "backup",
    state: "running",
    createdAtMs: 3,
  });
  expect(items.find((item) => item.id === other.hostId)?.latestJob).toBeUndefined();
});

test("a rename is audited with what was before; the same again writes nothing", async () => {
  const rename = () =>
    server.call("PATCH", `/api/hosts/${host.hostId}`, { as: admin, body: { name: "web-one", tags: ["a"] } });
  expect((await rename()).json).toMatchObject({ name: "web-one", tags: ["a"] });
  expect((await rename()).status).toBe(200);
  expect(audited()).toEqual([
    {
      action: "host.edit",
      actor: "admin-1",
      target_id: host.hostId,
      detail: JSON.stringify({
        before: { name: "web-1", tags: ["prod", "Web"] },
        after: { name: "web-one", tags: ["a"] },
      }),
    },
  ]);
  expect(server.feed.published).toHaveLength(1);
});

test("a host is removed only behind its own name, with all that is its own, and its relay is told", async () => {
  const remove = (confirmName: string) =>
    server.call("DELETE", `/api/hosts/${host.hostId}`, { as: admin, body: { confirmName } });
  expect((await remove("web-2")).status).toBe(422);
  expect(server.relay(host.hostId).calls).toEqual([]);
  const kept = await addHost(server.runtime, { name: "db-1" });
  expect((await remove("web-1")).status).toBe(204);
  expect((await remove("web-1")).problem?.code).toBe("host.not_found");
  expect(server.relay(host.hostId).calls.map((call) => call.method)).toEqual(["remove"]);
  expect(server.feed.published).toEqual([{ type: "hostRemoved", hostId: host.hostId }]);
  for (const table of ["hosts", "repositories", "repository_credentials", "schedules"])
    expect(server.sqlite.prepare(`SELECT count(*) FROM ${table}`).pluck().get()).toBe(1);
  expect(await get(`/api/hosts/${kept.hostId}`)).toMatchObject({ name: "db-1" });
  expect(await get("/api/fleet/summary")).toMatchObject({ total: 1, offline: 1 });
});

test("a host whose relay cannot be reached is removed all the same", async () => {
  server.relay(host.hostId).remove = async () => {
    throw new Error("relay is down");
  };
  const { status } = await server.call("DELETE", `/api/hosts/${host.hostId}`, {
    as: admin,
    body: { confirmName: "web-1" },
  });
  expect(status).toBe(204);
  expect(server.logLines.join()).toContain("relay.remove_failed");
});

test("the fleet summary counts hosts by status and verdicts by hour", async () => {
  const facts = (state: "succeeded" | "failed", n: number) => ({
    fact: "job" as const,
    jobId: `00000000-0000-7000-8000-00000000000${n}`,
    factNo: 1,
    kind: "backup" as const,
    state,
    source: "schedule" as const,
    repositoryId: null,
    scheduleId: null,
    createdAtMs: server.nowMs(),
    startedAtMs: server.nowMs(),
    finishedAtMs: server.nowMs(),
    receivedAtMs: server.nowMs(),
    warnings: 0,
    failure: null,
    lastError: null,
    summary: null,
    result: null,
    nominalMs: null,
    missed: 0,
    resticVersion: null,
  });
  const clock = { nowMs: server.nowMs(), random: server.runtime.random };
  await recordFacts(server.db, host.hostId, [facts("succeeded", 1), facts("failed", 2)], clock);
  const summary = await get("/api/fleet/summary");
  expect(summary).toMatchObject({ total: 1, protected: 0, atRisk: 1, offline: 0, new: 0 });
  expect(summary.hours).toHaveLength(24);
  expect(summary.hours[23]).toEqual({
    hourMs: Math.floor(server.nowMs() / 3600_000) * 3600_000,
    succeeded: 1,
    failed: 1,
  });
});

test("snapshots come newest first over all repositories of a host, page by page, without gaps", async () => {
  const second = "00000000-0000-7000-8000-0000000000aa";
  server.sqlite
    .prepare("INSERT INTO repositories (id, host_id, address, created_at, updated_at) VALUES (?, ?, '/b', 0, 0)")
    .run(second, host.hostId);
  const insert = server.sqlite.prepare(
    "INSERT INTO snapshots (repository_id, time, id, hostname, paths, tags, first_seen_at) VALUES (?, ?, ?, 'web-1', '[]', '[]', 0)",
  );
  for (let n = 0; n < 20; n++) {
    const id = String(n % 4).padStart(64, "0");
    insert.run(host.repositoryId, n % 5, id);
    // A copy of the same snapshot in the other repository.
    if (n % 3 === 0) insert.run(second, n % 5, id);
  }
  const all = server.sqlite
    .prepare("SELECT repository_id || time || id FROM snapshots ORDER BY time DESC, id DESC, repository_id")
    .pluck()
    .all();
  const walked = await walk<SnapshotResource>(`/api/hosts/${host.hostId}/snapshots?limit=3`);
  expect(walked.map((item) => item.repositoryId + item.timeMs + item.id)).toEqual(all);
  expect((await server.call("GET", "/api/hosts/none/snapshots", { as: admin })).problem?.code).toBe("host.not_found");
});

test("a choice of the right machine goes to the host's relay with who made it, from an administrator alone", async () => {
  const path = `/api/hosts/${host.hostId}/clone-choice`;
  const choose = (as: Caller, body: unknown = { claimant: 2 }) => server.call("POST", path, { as, body });
  expect((await choose(await server.user("operator"))).problem?.code).toBe("auth.forbidden");
  expect((await choose(admin, { claimant: "2" })).problem?.code).toBe("request.invalid");
  expect((await choose(admin)).status).toBe(204);
  expect(server.relay(host.hostId).calls).toMatchObject([
    { method: "chooseClaimant", args: [2, { actorKind: "user", address: server.peer.address }] },
  ]);
  const gone = path.replace(host.hostId, "none");
  const { problem } = await server.call("POST", gone, { as: admin, body: { claimant: 2 } });
  expect(problem?.code).toBe("host.not_found");
});
