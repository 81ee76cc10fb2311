import { DAY_MS } from "../core/schedule/day.ts";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { runJobId } from "../core/schedule/run-id.ts";
import { spreadMs } from "../core/schedule/spread.ts";
import type { ScheduleResource } from "../protocol/api.ts";
import { addHost, addSchedule, addSnapshots, type TestHost } from "../tests/support/fleet.ts";
import { startTestServer, type TestServer } from "../tests/support/server.ts";
import { PASS_ON_WORKERS } from "./pass-limits.ts";
import { runDue } from "./run-due.ts";

const HOUR_MS = 3600_000;
const MINUTE_MS = 60_000;
let server: TestServer;
let host: TestHost;
beforeEach(async () => {
  server = await startTestServer();
  host = await addHost(server.runtime);
  server.sqlite.exec("UPDATE hosts SET online = 1");
});
afterEach(() => server.close());

interface Offer {
  jobId: string;
  spec: { kind: string; scheduleId: string };
}
const offers = () =>
  server
    .relay(host.hostId)
    .calls.filter((call) => call.method === "enqueue")
    .map((call) => call.args[0] as Offer);
const rows = () =>
  server.sqlite.prepare("SELECT * FROM jobs ORDER BY created_at, id").all() as Record<string, unknown>[];
const firesAt = (id: string) => server.sqlite.prepare("SELECT fires_at FROM schedules WHERE id = ?").pluck().get(id);
const changes = () => server.sqlite.prepare("SELECT total_changes()").pluck().get() as number;
const online = (isOnline: boolean) => {
  server.sqlite.prepare("UPDATE hosts SET online = ?").run(isOnline ? 1 : 0);
  server.relay(host.hostId).online = isOnline;
};
/** What relays say of the jobs they were given: otherwise the sweeper would offer them again. */
const spokenOf = () => server.sqlite.exec("UPDATE jobs SET fact_no = 1, state = 'succeeded' WHERE fact_no = 0");
const tick = async (ms = MINUTE_MS) => {
  server.advance(ms);
  await runDue(server.runtime);
};
/** A prune each hour, next at 13:00; the clock stands at 12:00. */
const hourlyPrune = (over: object = {}) =>
  addSchedule(server.runtime, host, { kind: "prune", cron: "0 * * * *", firesAt: server.nowMs() + HOUR_MS, ...over });

test("a prune schedule fires at its time, as a job of its own with its nominal time", async () => {
  const id = await hourlyPrune();
  await tick(HOUR_MS - MINUTE_MS);
  expect(rows()).toEqual([]);
  await tick();
  const nominalMs = server.nowMs();
  expect(rows()).toMatchObject([
    { kind: "prune", state: "queued", source: "schedule", schedule_id: id, nominal_at: nominalMs, missed: 0 },
  ]);
  expect(offers()).toMatchObject([
    { jobId: runJobId(host.hostId, id, nominalMs), spec: { kind: "prune", scheduleId: id } },
  ]);
  expect(firesAt(id)).toBe(nominalMs + HOUR_MS);
});

test("while a prune of the repository is under way the next waits, of whichever schedule, and then runs once", async () => {
  const id = await hourlyPrune();
  await hourlyPrune();
  await tick(HOUR_MS);
  expect(rows()).toHaveLength(1);
  server.sqlite.exec("UPDATE jobs SET state = 'running', fact_no = 1");
  await tick(3 * HOUR_MS);
  expect(rows()).toHaveLength(1);
  server.sqlite.exec("UPDATE jobs SET state = 'succeeded'");
  await tick();
  expect(rows()).toHaveLength(2);
  spokenOf();
  await tick();
  expect(rows()).toMatchObject([{ missed: 0 }, { missed: 3 }, { missed: 2 }]);
  expect(firesAt(id)).toBe(server.nowMs() - 2 * MINUTE_MS + HOUR_MS);
});

test("a clock that is delivered twice at once fires once", async () => {
  await hourlyPrune();
  server.advance(HOUR_MS);
  await Promise.all([runDue(server.runtime), runDue(server.runtime), runDue(server.runtime)]);
  expect(rows()).toHaveLength(1);
  expect(offers()).toHaveLength(1);
});

test("while the host is away nothing fires and nothing is written; then ten missed fires run once", async () => {
  const id = await hourlyPrune();
  online(false);
  server.advance(10 * HOUR_MS);
  await runDue(server.runtime);
  const before = changes();
  await tick();
  expect(changes()).toBe(before);
  online(true);
  await tick();
  expect(rows()).toMatchObject([{ missed: 9, nominal_at: server.nowMs() - 2 * MINUTE_MS }]);
  await tick();
  expect(rows()).toHaveLength(1);
  expect(firesAt(id)).toBe(server.nowMs() - 3 * MINUTE_MS + HOUR_MS);
});

test("a host that its relay knows to be away, or that is locked, waits too", async () => {
  await hourlyPrune();
  server.relay(host.hostId).online = false;
  await tick(HOUR_MS);
  expect(rows()).toEqual([]);
  server.relay(host.hostId).online = true;
  server.sqlite.exec("UPDATE hosts SET locked = 1");
  await tick();
  expect(rows()).toEqual([]);
});

test("a schedule that skips what it missed moves on without a job, but fires when the clock is just a minute late", async () => {
  const id = await hourlyPrune({ catchUp: "skip" });
  await tick(HOUR_MS + MINUTE_MS);
  expect(rows()).toHaveLength(1);
  spokenOf();
  await tick(HOUR_MS + 10 * MINUTE_MS);
  expect(rows()).toHaveLength(1);
  expect(firesAt(id)).toBe(server.nowMs() - 11 * MINUTE_MS + HOUR_MS);
});

test("the spread moves the moment, never the nominal time", async () => {
  const id = await hourlyPrune({ spreadMinutes: 600, cron: "0 0 * * *" });
  const midnightMs = server.nowMs() + 12 * HOUR_MS;
  const lateMs = spreadMs(id, 600);
  server.sqlite.prepare("UPDATE schedules SET fires_at = ? WHERE id = ?").run(midnightMs + lateMs, id);
  await tick(12 * HOUR_MS + lateMs - 1);
  expect(rows()).toEqual([]);
  await tick(1);
  expect(rows()).toMatchObject([{ nominal_at: midnightMs }]);
  expect(firesAt(id)).toBe(midnightMs + lateMs + DAY_MS);
});

test("a schedule that is switched off does not fire", async () => {
  await hourlyPrune({ enabled: 0 });
  await tick(HOUR_MS);
  expect(rows()).toEqual([]);
});

test("retention follows the backup, once, and only when there is something to remove", async () => {
  const times = Array.from({ length: 10 }, (_, i) => server.nowMs() - (10 - i) * DAY_MS);
  const [oldest] = await addSnapshots(server.runtime, host, times);
  server.sqlite
    .prepare("UPDATE schedules SET retention = ?, fires_at = ?")
    .run(JSON.stringify({ keep: { last: 9 }, when: "after_backup" }), server.nowMs());
  await tick();
  expect(offers()).toMatchObject([{ spec: { kind: "forget", snapshotIds: [oldest] } }]);
  spokenOf();
  server.sqlite.prepare("DELETE FROM snapshots WHERE id = ?").run(oldest);
  server.sqlite.prepare("UPDATE schedules SET fires_at = ?").run(server.nowMs());
  await tick();
  expect(rows()).toHaveLength(1);
  expect(firesAt(host.scheduleId)).toBeNull();
});

test("a retention that becomes due while its forget still runs waits for it", async () => {
  const times = Array.from({ length: 10 }, (_, i) => server.nowMs() - (10 - i) * DAY_MS);
  await addSnapshots(server.runtime, host, times);
  const due = () =>
    server.sqlite
      .prepare("UPDATE schedules SET retention = ?, fires_at = ?")
      .run(JSON.stringify({ keep: { last: 9 }, when: "after_backup" }), server.nowMs());
  due();
  await tick();
  server.sqlite.exec("UPDATE jobs SET fact_no = 1, state = 'running'");
  due();
  await tick();
  expect(rows()).toHaveLength(1);
  spokenOf();
  server.sqlite.exec("UPDATE jobs SET state = 'succeeded'");
  await tick();
  expect(rows()).toHaveLength(2);
});

test("a forget schedule makes the retentions that wait for it due, in the same pass", async () => {
  const times = Array.from({ length: 10 }, (_, i) => server.nowMs() - (10 - i) * DAY_MS);
  await addSnapshots(server.runtime, host, times);
  server.sqlite
    .prepare("UPDATE schedules SET retention = ?")
    .run(JSON.stringify({ keep: { last: 9 }, when: "forget_schedule" }));
  const id = await addSchedule(server.runtime, host, {
    kind: "forget",
    cron: "0 * * * *",
    firesAt: server.nowMs() + HOUR_MS,
  });
  await tick(HOUR_MS);
  expect(offers()).toMatchObject([{ spec: { kind: "forget", scheduleId: host.scheduleId } }]);
  expect(firesAt(id)).toBe(server.nowMs() + HOUR_MS);
  expect(firesAt(host.scheduleId)).toBeNull();
});

test("a forget schedule that found nothing to remove has run", async () => {
  await addSnapshots(server.runtime, host, [server.nowMs() - DAY_MS]);
  const user = await server.user("viewer");
  server.sqlite
    .prepare("UPDATE schedules SET retention = ?")
    .run(JSON.stringify({ keep: { last: 9 }, when: "forget_schedule" }));
  const firesAtMs = server.nowMs() + HOUR_MS;
  const id = await addSchedule(server.runtime, host, { kind: "forget", cron: "0 * * * *", firesAt: firesAtMs });
  await tick(HOUR_MS);
  expect(rows()).toEqual([]);
  const { json } = await server.call("GET", `/api/hosts/${host.hostId}/schedules`, { as: user });
  const lastRuns = (json.items as ScheduleResource[]).map(({ id: of, lastRun }) => [of, lastRun] as const);
  const lastRun = { atMs: server.nowMs(), outcome: "succeeded" };
  expect(Object.fromEntries(lastRuns)).toEqual({ [host.scheduleId]: undefined, [id]: lastRun });
});

test("a pass on Workers stays within what D1 takes, measures all the same, and the rest follows in order", async () => {
  const repository = { name: "many", address: "/srv/many" };
  const others: TestHost[] = [];
  for (let n = 0; n < 60; n++) others.push(await addHost(server.runtime, repository));
  server.sqlite.exec("UPDATE hosts SET online = 1, last_good_backup_at = 1, protected_until = 1");
  const retention = JSON.stringify({ keep: { last: 5 }, when: "after_backup" });
  for (const one of others) {
    const times = Array.from({ length: 10 }, (_, i) => server.nowMs() - (10 - i) * DAY_MS);
    await addSnapshots(server.runtime, one, times, { hostname: "many" });
    await addSchedule(server.runtime, one, { kind: "forget", cron: "0 * * * *", firesAt: server.nowMs() });
    const held = { fingerprint: "old", reasons: ["too_many"], removed: 5, kept: 5 };
    const jobId = crypto.randomUUID();
    server.sqlite
      .prepare(
        `INSERT INTO jobs (id, host_id, kind, state, source, schedule_id, created_at, held, spec)
          VALUES (?, ?, 'forget', 'held', 'schedule', ?, 1, ?, '{}')`,
      )
      .run(jobId, one.hostId, one.scheduleId, JSON.stringify(held));
    server.sqlite
      .prepare("UPDATE schedules SET retention = ?, fires_at = ?, held_job = ? WHERE id = ?")
      .run(retention, server.nowMs(), jobId, one.scheduleId);
    // A plan that was confirmed beforehand costs the most.
    const path = `/api/hosts/${one.hostId}/schedules/${one.scheduleId}/retention-preview`;
    const as = await server.user("viewer");
    const { json } = await server.call("POST", path, { as, body: { keep: { last: 5 } } });
    server.sqlite.prepare("UPDATE schedules SET released_plan = ? WHERE id = ?").run(json.fingerprint, one.scheduleId);
  }
  const { $client } = server.db as unknown as { $client: { runNow(query: string, bound: unknown[]): unknown } };
  const queries = vi.spyOn($client, "runNow");
  const count = (kind: string) => rows().filter((row) => row["kind"] === kind && row["state"] === "queued").length;
  server.advance(10 * MINUTE_MS);
  await runDue(server.runtime, PASS_ON_WORKERS);
  expect(queries.mock.calls.length).toBeLessThan(900);
  expect([count("forget"), count("stats")]).toEqual([PASS_ON_WORKERS.fires, 20]);
  spokenOf();
  server.advance(MINUTE_MS);
  await runDue(server.runtime, PASS_ON_WORKERS);
  expect(count("forget")).toBe(10);
});

test("one schedule that cannot be fired keeps no other from firing", async () => {
  await hourlyPrune({ cron: "nonsense" });
  const good = await hourlyPrune();
  await tick(HOUR_MS + MINUTE_MS);
  expect(server.logLines.join()).toContain("schedule.fire_failed");
  expect(rows()).toMatchObject([{ schedule_id: good }]);
});

test("a repository is measured after a backup, at most once a day, every tenth minute", async () => {
  const stats = () => rows().filter((row) => row["kind"] === "stats");
  await tick(10 * MINUTE_MS);
  expect(stats()).toEqual([]);
  server.sqlite.prepare("UPDATE hosts SET last_good_backup_at = ?").run(server.nowMs());
  await tick();
  expect(stats()).toEqual([]);
  server.advance(9 * MINUTE_MS);
  await Promise.all([runDue(server.runtime), runDue(server.runtime)]);
  expect(stats()).toMatchObject([{ asked_by: "server", source: "asked", state: "queued" }]);
  expect(offers()).toMatchObject([{ spec: { kind: "stats", repositoryId: host.repositoryId } }]);
  spokenOf();
  await tick(20 * HOUR_MS);
  expect(stats()).toHaveLength(1);
  await tick(4 * HOUR_MS);
  expect(stats()).toHaveLength(2);
  server.sqlite.prepare("UPDATE repositories SET measured_at = ?").run(server.nowMs());
  await tick(2 * DAY_MS);
  expect(stats()).toHaveLength(2);
});

test("what is due is found by an index, without a look at all schedules", () => {
  const plan = server.sqlite
    .prepare("EXPLAIN QUERY PLAN SELECT id FROM schedules WHERE fires_at <= ? AND enabled = 1 ORDER BY fires_at, id")
    .all(0) as { detail: string }[];
  expect(plan[0]?.detail).toContain("schedules_due");
});
