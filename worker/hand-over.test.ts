import { afterEach, beforeEach, expect, test } from "vitest";
import { openOnHost } from "../core/secrets/to-host.ts";
import { lentContext, type WireRepository } from "../protocol/wire.ts";
import { addHost, addSchedule, addSnapshots, type TestHost } from "../tests/support/fleet.ts";
import { startTestServer, type Caller, type TestServer } from "../tests/support/server.ts";
import { runDue } from "./run-due.ts";
import { loadHostConfig } from "./store/host-sets.ts";

const PASSWORD = "canary-admin-password-1c8e";
const HOUR_MS = 3600_000;
let server: TestServer;
let admin: Caller;
let host: TestHost;
beforeEach(async () => {
  server = await startTestServer();
  admin = await server.user("admin");
  host = await addHost(server.runtime, { address: "rest:https://vault.example.net/web-1" });
  server.sqlite.exec("UPDATE hosts SET online = 1");
  await server.call("PUT", `/api/hosts/${host.hostId}/repo-credentials`, {
    as: admin,
    body: {
      repositoryId: host.repositoryId,
      purpose: "admin",
      address: "rest:https://admin.example.net/web-1",
      password: PASSWORD,
      env: { RESTIC_REST_USERNAME: "root" },
    },
  });
});
afterEach(() => server.close());

const run = (body: object) => server.call("POST", `/api/hosts/${host.hostId}/jobs`, { as: admin, body });
const offers = () =>
  server
    .relay(host.hostId)
    .calls.filter((call) => call.method === "enqueue")
    .map((call) => call.args[0] as { jobId: string; lent?: WireRepository });
const opened = (offer: { jobId: string; lent?: WireRepository } | undefined) => {
  const { repositoryId, version, sealed } = offer!.lent!;
  return openOnHost(host.sealSecret, lentContext(host.hostId, repositoryId, version, offer!.jobId), sealed);
};

test("prune is lent the second credential, sealed to the host for that job alone", async () => {
  const { json } = await run({ kind: "prune" });
  const [offer] = offers();
  expect(offer?.lent).toMatchObject({
    repositoryId: host.repositoryId,
    purpose: "admin",
    address: "rest:https://admin.example.net/web-1",
    jobId: json.id,
    version: 1,
  });
  expect(JSON.parse(opened(offer)!)).toEqual({ password: PASSWORD, env: { RESTIC_REST_USERNAME: "root" } });
  expect(opened({ ...offer!, jobId: crypto.randomUUID() })).toBeNull();
  expect(server.sqlite.serialize().includes(PASSWORD)).toBe(false);
  expect(server.logLines.join()).not.toContain(PASSWORD);
});

test("a forget is lent it too; other jobs and the host's configuration never hold it", async () => {
  await addSnapshots(
    server.runtime,
    host,
    Array.from({ length: 10 }, (_, i) => server.nowMs() - (10 - i) * 24 * HOUR_MS),
  );
  server.sqlite
    .prepare("UPDATE schedules SET retention = ?")
    .run(JSON.stringify({ keep: { last: 9 }, when: "after_backup" }));
  await run({ kind: "forget" });
  expect(opened(offers()[0])).toContain(PASSWORD);
  for (const kind of ["backup", "check", "unlock", "stats", "init", "snapshots"]) {
    await run({ kind });
    expect(offers().at(-1)?.lent).toBeUndefined();
  }
  const { secretKeys, random } = server.runtime;
  const config = await loadHostConfig(server.db, host.hostId, secretKeys, random);
  expect(config?.repositories.map(({ purpose }) => purpose)).toEqual(["write"]);
});

test("the fleet clock and the sweeper lend it as the routes do", async () => {
  const id = await addSchedule(server.runtime, host, {
    kind: "prune",
    cron: "0 * * * *",
    firesAt: server.nowMs() + HOUR_MS,
  });
  server.advance(HOUR_MS);
  await runDue(server.runtime);
  server.advance(60_000);
  await runDue(server.runtime);
  expect(offers()).toMatchObject([{ spec: { scheduleId: id } }, { spec: { scheduleId: id } }]);
  for (const offer of offers()) expect(opened(offer)).toContain(PASSWORD);
});

test("without a second credential, or after it was removed, nothing is lent", async () => {
  const path = `/api/hosts/${host.hostId}/repositories/${host.repositoryId}/admin-credential`;
  expect((await server.call("DELETE", path, { as: admin })).status).toBe(204);
  await run({ kind: "prune" });
  expect(offers()[0]?.lent).toBeUndefined();
});

test("a second credential that this server's key does not open fails the job with the remedy", async () => {
  server.runtime.secretKeys = [{ id: "k2", key: server.runtime.random(32) }];
  expect((await run({ kind: "prune" })).problem).toMatchObject({
    code: "repository.credentials_missing",
    detail: expect.stringContaining("Enter it again"),
  });
  expect(offers()).toEqual([]);
  expect(server.sqlite.prepare("SELECT state FROM jobs").pluck().all()).toEqual(["failed"]);
});
