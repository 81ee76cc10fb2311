import { DAY_MS } from "../../core/schedule/day.ts";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { fail } from "../../protocol/failure.ts";
import type { RetentionPlan } from "../../protocol/schedule.ts";
import { addHost, addSchedule, addSnapshots, type TestHost } from "../../tests/support/fleet.ts";
import { startTestServer, type Caller, type TestServer } from "../../tests/support/server.ts";
import { runDue } from "../run-due.ts";

const MINUTE_MS = 60_000;
let server: TestServer;
let operator: Caller;
let admin: Caller;
let host: TestHost;
beforeEach(async () => {
  server = await startTestServer();
  operator = await server.user("operator");
  admin = await server.user("admin");
  host = await addHost(server.runtime);
  server.sqlite.exec("UPDATE hosts SET online = 1");
});
afterEach(() => server.close());

/** One snapshot a day up to yesterday. */
const daysAgo = (days: number) => Array.from({ length: days }, (_, i) => server.nowMs() - (days - i) * DAY_MS);
const keeps = (keep: object, when = "after_backup") =>
  server.sqlite.prepare("UPDATE schedules SET retention = ?").run(JSON.stringify({ keep, when }));
const backedUp = () => server.sqlite.prepare("UPDATE schedules SET fires_at = ?").run(server.nowMs());
const preview = async (keep: object, as = operator) => {
  const path = `/api/hosts/${host.hostId}/schedules/${host.scheduleId}/retention-preview`;
  return server.call("POST", path, { as, body: { keep } });
};
const forget = () => server.call("POST", `/api/hosts/${host.hostId}/jobs`, { as: operator, body: { kind: "forget" } });
const release = (jobId: string, fingerprint: string, as = admin) =>
  server.call("POST", `/api/jobs/${jobId}/release`, { as, body: { fingerprint } });
const job = (id: string) => server.sqlite.prepare("SELECT * FROM jobs WHERE id = ?").get(id) as Record<string, unknown>;
const schedule = () => server.sqlite.prepare("SELECT * FROM schedules").get() as Record<string, unknown>;
const offers = () => server.relay(host.hostId).calls.filter((call) => call.method === "enqueue");
const states = () => server.sqlite.prepare("SELECT state FROM jobs ORDER BY created_at, id").pluck().all();
const audited = () => server.sqlite.prepare("SELECT action FROM audit_log ORDER BY id").pluck().all();
const tick = async () => {
  server.advance(MINUTE_MS);
  await runDue(server.runtime);
};

test("what is previewed is what the guard judges and what the host is told", async () => {
  const ids = await addSnapshots(server.runtime, host, daysAgo(10));
  await addSnapshots(server.runtime, host, daysAgo(3), { hostname: "another-host" });
  await addSnapshots(server.runtime, host, daysAgo(3), { scheduleId: crypto.randomUUID() });
  const plan = (await preview({ last: 9 }, await server.user("viewer"))).json as RetentionPlan;
  expect(plan).toMatchObject({ removed: [{ id: ids[0] }], held: [] });
  expect(plan.kept.map(({ id }) => id)).toEqual(ids.slice(1).toReversed());
  keeps({ last: 9 });
  const asked = await forget();
  expect(asked).toMatchObject({ status: 202, json: { kind: "forget", state: "queued", scheduleId: host.scheduleId } });
  expect(offers()).toMatchObject([{ args: [{ spec: { kind: "forget", snapshotIds: [ids[0]] } }] }]);
  expect(audited()).toEqual(["job.run"]);
});

test("a preview says what the host's own policy would refuse", async () => {
  await addSnapshots(server.runtime, host, daysAgo(10));
  server.sqlite.prepare("UPDATE hosts SET policy = ?").run(JSON.stringify({ keepAtLeast: 3, maxShare: 0.5 }));
  expect((await preview({ last: 2 })).json.hostRefusal).toMatch(/policy set keep_at_least 2/);
  expect((await preview({ last: 9 })).json.hostRefusal).toBeUndefined();
});

test.each([
  [{}, "keep"],
  [{ last: 0 }, "keep.last"],
  [{ daily: -1 }, "keep.daily"],
  [{ weekly: 1e9 }, "keep.weekly"],
  [{ within: "soon" }, "keep.within"],
])("the rules %j are refused with their field named", async (keep, field) => {
  const { status, problem } = await preview(keep);
  expect({ status, field: problem?.errors?.[0]?.field }).toEqual({ status: 422, field });
});

test("another host's schedule has no preview here", async () => {
  const other = await addHost(server.runtime, { name: "db-1" });
  const path = `/api/hosts/${host.hostId}/schedules/${other.scheduleId}/retention-preview`;
  const { problem } = await server.call("POST", path, { as: operator, body: { keep: { last: 1 } } });
  expect(problem).toMatchObject({ status: 404, code: "schedule.not_found" });
});

test("a retention that keeps everything makes no job", async () => {
  await addSnapshots(server.runtime, host, daysAgo(3));
  keeps({ last: 9 });
  expect((await forget()).problem).toMatchObject({ status: 409, code: "forget.nothing" });
  expect(states()).toEqual([]);
});

test("a plan that the guard stops is held, and an administrator releases exactly that one", async () => {
  const ids = await addSnapshots(server.runtime, host, daysAgo(10));
  keeps({ last: 5 });
  const held = (await forget()).json;
  expect(held).toMatchObject({ state: "held", held: { reasons: ["too_many"], removed: 5, kept: 5 } });
  expect(schedule()["held_job"]).toBe(held.id);
  expect(offers()).toEqual([]);
  await tick();
  expect(offers()).toEqual([]);

  const { fingerprint } = held.held;
  expect((await release(held.id, fingerprint, operator)).status).toBe(403);
  expect((await release(held.id, "another-plan")).problem).toMatchObject({ status: 409, code: "forget.plan_changed" });
  const released = await release(held.id, fingerprint);
  expect(released).toMatchObject({ status: 202, json: { state: "queued", releasedBy: "admin-2" } });
  expect(offers()).toMatchObject([{ args: [{ jobId: held.id, spec: { snapshotIds: ids.slice(0, 5) } }] }]);
  expect(schedule()["held_job"]).toBeNull();
  expect((await release(held.id, fingerprint)).problem?.code).toBe("forget.plan_changed");
  expect(audited()).toEqual(["job.run", "job.release"]);
});

test("of two releases at once one goes out", async () => {
  await addSnapshots(server.runtime, host, daysAgo(10));
  keeps({ last: 5 });
  const { id, held } = (await forget()).json;
  const answers = await Promise.all([release(id, held.fingerprint), release(id, held.fingerprint)]);
  expect(answers.map((answer) => answer.status).toSorted()).toEqual([202, 409]);
  expect(offers()).toHaveLength(1);
});

test("a plan that changed since it was shown is not released, and is made anew", async () => {
  await addSnapshots(server.runtime, host, daysAgo(10));
  keeps({ last: 5 });
  const first = (await forget()).json;
  await addSnapshots(server.runtime, host, [server.nowMs()]);
  expect((await release(first.id, first.held.fingerprint)).problem?.code).toBe("forget.plan_changed");
  expect(offers()).toEqual([]);
  await tick();
  const after = (await server.call("GET", `/api/jobs/${first.id}`, { as: operator })).json;
  expect(after).toMatchObject({ state: "held", held: { removed: 6 } });
  expect((await release(first.id, after.held.fingerprint)).status).toBe(202);
});

test("a host that does not take a released forget leaves it held", async () => {
  await addSnapshots(server.runtime, host, daysAgo(10));
  keeps({ last: 5 });
  const { id, held } = (await forget()).json;
  server.relay(host.hostId).online = false;
  expect((await release(id, held.fingerprint)).problem?.code).toBe("host.offline");
  server.relay(host.hostId).online = true;
  server.relay(host.hostId).enqueueAnswer = fail("host.locked", "locked");
  expect((await release(id, held.fingerprint)).problem?.code).toBe("host.locked");
  expect(job(id)).toMatchObject({ state: "held", released_by: null });
  expect(schedule()["held_job"]).toBe(id);
  server.relay(host.hostId).enqueueAnswer = null;
  expect((await release(id, held.fingerprint)).status).toBe(202);
});

test("a released forget whose relay took it without an answer is not held again, and the next plan is", async () => {
  await addSnapshots(server.runtime, host, daysAgo(10));
  await addSnapshots(server.runtime, host, [server.nowMs() - 400 * DAY_MS], { firstSeenAtMs: server.nowMs() });
  keeps({ last: 5 });
  const { id, held } = (await forget()).json;
  server.advance(40 * DAY_MS);
  const enqueue = vi.spyOn(server.relay(host.hostId), "enqueue").mockRejectedValueOnce(new Error("cut"));
  const released = await release(id, held.fingerprint, await server.token("admin"));
  expect(released).toMatchObject({ status: 202, json: { state: "queued" } });
  expect(job(id)).toMatchObject({ state: "queued", created_at: server.nowMs() });
  expect(server.sqlite.prepare("SELECT count(*) FROM snapshots WHERE vouched = 1").pluck().get()).toBe(0);
  await tick();
  expect(enqueue).toHaveBeenCalledTimes(2);
  server.sqlite.exec("UPDATE jobs SET fact_no = 1, state = 'running'");
  backedUp();
  await tick();
  expect(states()).toEqual(["running"]);
});

test("a forget that ran while it was taken for held keeps no later plan from being held", async () => {
  await addSnapshots(server.runtime, host, daysAgo(10));
  keeps({ last: 5 });
  const { id } = (await forget()).json;
  server.sqlite.prepare("UPDATE jobs SET state = 'failed', fact_no = 2").run();
  const again = (await forget()).json;
  expect(again).toMatchObject({ state: "held" });
  expect(again.id).not.toBe(id);
  expect(schedule()["held_job"]).toBe(again.id);
});

test("a held forget ends when its schedule is switched off", async () => {
  await addSnapshots(server.runtime, host, daysAgo(10));
  keeps({ last: 5 });
  const { id } = (await forget()).json;
  const path = `/api/hosts/${host.hostId}/schedules/${host.scheduleId}`;
  const { name, repositoryId, paths, retention, version } = (
    await server.call("GET", `/api/hosts/${host.hostId}`, { as: operator })
  ).json.schedules[0];
  const body = { kind: "backup", name, repositoryId, paths, retention, version, manual: true, enabled: false };
  expect((await server.call("PUT", path, { as: operator, body })).status).toBe(200);
  expect(job(id)["state"]).toBe("cancelled");
  expect(schedule()).toMatchObject({ held_job: null, fires_at: null });
});

test("a forget that is asked for while one is under way is refused, and never made twice at once", async () => {
  await addSnapshots(server.runtime, host, daysAgo(10));
  keeps({ last: 9 });
  const answers = await Promise.all([forget(), forget()]);
  expect(answers.map(({ status }) => status).toSorted()).toEqual([202, 409]);
  expect((await forget()).problem).toMatchObject({ status: 409, code: "job.conflict" });
  expect(offers()).toHaveLength(1);
});

test("a forget schedule run by hand goes on where one of its retentions is under way", async () => {
  await addSnapshots(server.runtime, host, daysAgo(10));
  const second = await addSchedule(server.runtime, host, { name: "second" });
  await addSnapshots(server.runtime, host, daysAgo(11), { scheduleId: second });
  keeps({ last: 9 }, "forget_schedule");
  await server.call("POST", `/api/hosts/${host.hostId}/jobs`, {
    as: operator,
    body: { kind: "forget", scheduleId: host.scheduleId },
  });
  const sid = await addSchedule(server.runtime, host, { kind: "forget" });
  const path = `/api/hosts/${host.hostId}/schedules/${sid}/run`;
  expect((await server.call("POST", path, { as: operator, body: {} })).json).toMatchObject({ scheduleId: second });
  expect((await server.call("POST", path, { as: operator, body: {} })).problem?.code).toBe("job.conflict");
});

test("a held forget is one job, brought up to date in place, and ends when its plan is no longer held", async () => {
  await addSnapshots(server.runtime, host, daysAgo(10));
  keeps({ last: 5 });
  const { id } = (await forget()).json;
  expect((await forget()).json.id).toBe(id);
  await addSnapshots(server.runtime, host, [server.nowMs()]);
  server.sqlite.exec("UPDATE schedules SET name = 'renamed'");
  backedUp();
  await tick();
  expect(states()).toEqual(["held"]);
  expect(job(id)["schedule_name"]).toBe("renamed");
  expect(JSON.parse(job(id)["held"] as string)).toMatchObject({ removed: 6 });
  keeps({ last: 10 });
  backedUp();
  await tick();
  expect(job(id)["state"]).toBe("cancelled");
  expect(states().toSorted()).toEqual(["cancelled", "queued"]);
  expect(offers()).toHaveLength(1);
});

test("a held forget that has become pointless ends", async () => {
  await addSnapshots(server.runtime, host, daysAgo(10));
  keeps({ last: 5 });
  const { id } = (await forget()).json;
  keeps({ last: 50 });
  backedUp();
  await tick();
  expect(job(id)["state"]).toBe("cancelled");
  expect(schedule()).toMatchObject({ held_job: null, fires_at: null });
});

test("a held forget that is discarded is cancelled at once, and held again at the next backup", async () => {
  await addSnapshots(server.runtime, host, daysAgo(10));
  keeps({ last: 5 });
  const { id } = (await forget()).json;
  const cancel = () => server.call("POST", `/api/jobs/${id}/cancel`, { as: operator });
  expect(await cancel()).toMatchObject({ status: 202, json: { state: "cancelled", cancelAskedBy: "operator-1" } });
  expect((await cancel()).problem?.code).toBe("job.already_finished");
  expect(schedule()["held_job"]).toBeNull();
  expect(server.relay(host.hostId).calls.filter((call) => call.method === "cancel")).toEqual([]);
  backedUp();
  await tick();
  expect(states().toSorted()).toEqual(["cancelled", "held"]);
});

test("a snapshot with a time that cannot be holds every plan until someone has looked", async () => {
  await addSnapshots(server.runtime, host, daysAgo(20));
  const [odd] = await addSnapshots(server.runtime, host, [server.nowMs() - 400 * DAY_MS], {
    firstSeenAtMs: server.nowMs(),
  });
  keeps({ last: 20 });
  const held = (await forget()).json;
  expect(held).toMatchObject({ state: "held", held: { reasons: ["time_mismatch"], removed: 1 } });
  expect((await release(held.id, held.held.fingerprint)).status).toBe(202);
  const vouched = server.sqlite.prepare("SELECT id FROM snapshots WHERE vouched = 1").pluck().all();
  expect(vouched).toEqual([odd]);
});

test("a plan that an administrator confirmed at Save is carried out unheld, once", async () => {
  await addSnapshots(server.runtime, host, daysAgo(10));
  keeps({ last: 5 });
  const { fingerprint } = (await preview({ last: 5 })).json as RetentionPlan;
  server.sqlite.prepare("UPDATE schedules SET released_plan = ?, fires_at = ?").run(fingerprint, server.nowMs());
  await tick();
  expect(states()).toEqual(["queued"]);
  expect(offers()).toHaveLength(1);
  expect(schedule()["released_plan"]).toBeNull();
  server.sqlite.exec("UPDATE jobs SET state = 'failed', fact_no = 2");
  backedUp();
  await tick();
  expect(states().toSorted()).toEqual(["failed", "held"]);
});

test("a confirmation of another plan releases nothing", async () => {
  await addSnapshots(server.runtime, host, daysAgo(10));
  keeps({ last: 5 });
  const { fingerprint } = (await preview({ last: 6 })).json as RetentionPlan;
  server.sqlite.prepare("UPDATE schedules SET released_plan = ?, fires_at = ?").run(fingerprint, server.nowMs());
  await tick();
  expect(states()).toEqual(["held"]);
  expect(schedule()["released_plan"]).toBeNull();
});

test("a forget schedule run by hand applies each retention that waits for it", async () => {
  await addSnapshots(server.runtime, host, daysAgo(10));
  const second = await addSchedule(server.runtime, host, { name: "second" });
  await addSnapshots(server.runtime, host, daysAgo(11), { scheduleId: second });
  const after = await addSchedule(server.runtime, host, { name: "after its backups" });
  await addSnapshots(server.runtime, host, daysAgo(12), { scheduleId: after });
  keeps({ last: 9 }, "forget_schedule");
  server.sqlite
    .prepare("UPDATE schedules SET retention = ? WHERE id = ?")
    .run(JSON.stringify({ keep: { last: 9 }, when: "after_backup" }), after);
  const sid = await addSchedule(server.runtime, host, { kind: "forget" });
  const path = `/api/hosts/${host.hostId}/schedules/${sid}/run`;
  expect((await server.call("POST", path, { as: operator, body: {} })).json).toMatchObject({ kind: "forget" });
  const told = offers().map((call) => (call.args[0] as { spec: { scheduleId: string } }).spec.scheduleId);
  expect(told.toSorted()).toEqual([host.scheduleId, second].toSorted());
});
