import { afterEach, beforeEach, expect, test } from "vitest";
import { fail, ok } from "../protocol/failure.ts";
import { ENROLLMENT_TTL_MS, PROTECTED_FOR_MS, START_NOT_AFTER_MS } from "../protocol/limits.ts";
import { addHost, type TestHost } from "../tests/support/fleet.ts";
import { startTestServer, type Caller, type TestServer } from "../tests/support/server.ts";
import { runDue } from "./run-due.ts";
import { SESSION_TTL_MS } from "./store/sessions.ts";

const MINUTE_MS = 60_000;
let server: TestServer;
let operator: Caller;
let host: TestHost;
beforeEach(async () => {
  server = await startTestServer();
  operator = await server.user("operator");
  host = await addHost(server.runtime);
});
afterEach(() => server.close());

const changes = () => server.sqlite.prepare("SELECT total_changes()").pluck().get() as number;
const count = (table: string) => server.sqlite.prepare(`SELECT count(*) FROM ${table}`).pluck().get();
const ask = async () =>
  (await server.call("POST", `/api/hosts/${host.hostId}/jobs`, { as: operator, body: { kind: "backup" } })).json as {
    id: string;
  };
const offers = () => server.relay(host.hostId).calls.filter((call) => call.method === "enqueue");

test("a minute in which nothing is due writes nothing", async () => {
  await ask();
  const before = changes();
  await runDue(server.runtime);
  expect(changes()).toBe(before);
});

test("the secret in an expired enrolment token is erased, expired sessions and delays go", async () => {
  await server.call("POST", "/api/enrollment-tokens", {
    as: operator,
    body: { hostName: "x", repository: { address: "/srv/r", password: "p", createRepository: false }, paths: ["/srv"] },
  });
  server.sqlite
    .prepare("INSERT INTO login_delays (key, failures, retry_at, expires_at) VALUES ('a', 1, 0, ?)")
    .run(server.nowMs() + 1);
  server.advance(ENROLLMENT_TTL_MS);
  await runDue(server.runtime);
  expect(server.sqlite.prepare("SELECT sealed FROM enrollment_tokens").pluck().all()).toEqual([null]);
  expect(count("login_delays")).toBe(0);
  expect(count("sessions")).toBe(1);
  server.advance(SESSION_TTL_MS);
  await runDue(server.runtime);
  expect(count("sessions")).toBe(0);
});

test("hosts whose protection ran out become late, once, online or not, however many", async () => {
  const until = server.nowMs() + PROTECTED_FOR_MS;
  for (let i = 0; i < 250; i++) await addHost(server.runtime, { name: `host-${i}` });
  server.sqlite.prepare("UPDATE hosts SET protected_until = ?, last_good_backup_at = 1").run(until);
  server.sqlite.exec("UPDATE hosts SET online = 1, severity = 5 WHERE name LIKE '%5'");
  server.advance(PROTECTED_FOR_MS - 1);
  await runDue(server.runtime);
  expect(server.feed.published).toEqual([]);
  server.advance(1);
  await runDue(server.runtime);
  expect(server.feed.published).toHaveLength(251);
  expect(server.feed.published[0]).toMatchObject({ type: "hostChanged", host: { status: "late" } });
  expect(server.sqlite.prepare("SELECT hosts FROM host_counts WHERE severity = 1").pluck().get()).toBe(251);
  await runDue(server.runtime);
  expect(server.feed.published).toHaveLength(251);
});

test("a job the route could not hand over is offered again, with the cancel that came meanwhile", async () => {
  server.relay(host.hostId).enqueueAnswer = fail("server.unavailable", "down");
  const relay = server.relay(host.hostId);
  const enqueue = relay.enqueue.bind(relay);
  relay.enqueue = async () => {
    throw new Error("relay is down");
  };
  const { id } = await ask();
  await runDue(server.runtime);
  await server.call("POST", `/api/jobs/${id}/cancel`, { as: operator });
  relay.enqueue = enqueue;
  relay.enqueueAnswer = ok(null);
  server.advance(MINUTE_MS);
  await runDue(server.runtime);
  expect(offers()).toMatchObject([{ args: [{ jobId: id, cancelAsked: true, spec: { kind: "backup" } }] }]);
});

test("a job that a relay refuses is offered until it may no longer start, then failed for that reason", async () => {
  await ask();
  server.relay(host.hostId).enqueueAnswer = fail("host.locked", "locked");
  const state = () => server.sqlite.prepare("SELECT state FROM jobs").pluck().get();
  await runDue(server.runtime);
  expect(state()).toBe("queued");
  server.advance(START_NOT_AFTER_MS);
  await runDue(server.runtime);
  expect(state()).toBe("failed");
  const before = offers().length;
  server.advance(MINUTE_MS);
  await runDue(server.runtime);
  expect(offers()).toHaveLength(before);
});

test("a job the relay has spoken of is not offered again", async () => {
  await ask();
  server.sqlite.exec("UPDATE jobs SET fact_no = 1");
  server.advance(MINUTE_MS);
  await runDue(server.runtime);
  expect(offers()).toHaveLength(1);
});

test("one part that fails is logged and keeps no other from running", async () => {
  await ask();
  server.sqlite.exec("ALTER TABLE login_delays RENAME TO gone");
  server.advance(MINUTE_MS);
  await runDue(server.runtime);
  expect(server.logLines.join()).toContain("due.failed");
  expect(offers()).toHaveLength(2);
});
