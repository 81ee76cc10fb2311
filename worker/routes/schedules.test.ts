import { afterEach, beforeEach, expect, test } from "vitest";
import { uuidv7 } from "../../core/ids.ts";
import type { JobFact } from "../../core/relay/facts.ts";
import { runJobId } from "../../core/schedule/run-id.ts";
import type { HostDetail, ScheduleResource } from "../../protocol/api.ts";
import type { HostPolicy } from "../../protocol/schedule.ts";
import { addHost, addSnapshots, type TestHost } from "../../tests/support/fleet.ts";
import { startTestServer, type Caller, type TestServer } from "../../tests/support/server.ts";
import { recordFacts } from "../store/facts.ts";

const HOUR = 3600_000;
let server: TestServer;
let operator: Caller;
let admin: Caller;
let host: TestHost;
beforeEach(async () => {
  server = await startTestServer();
  // A token outlasts the days that these tests skip.
  operator = await server.token("operator");
  admin = await server.user("admin");
  host = await addHost(server.runtime);
});
afterEach(() => server.close());

const hourly = (more: Record<string, unknown> = {}) => ({
  kind: "backup",
  name: "Hourly",
  repositoryId: host.repositoryId,
  enabled: true,
  manual: false,
  cron: "0 * * * *",
  timeZone: "UTC",
  paths: ["/srv"],
  ...more,
});
const at = (path = "") => `/api/hosts/${host.hostId}${path}`;
const add = (body: unknown, as = operator) => server.call("POST", at("/schedules"), { as, body });
const put = (id: string, body: unknown, as = operator) => server.call("PUT", at(`/schedules/${id}`), { as, body });
const remove = (id: string, version: number, as = operator) =>
  server.call("DELETE", at(`/schedules/${id}?version=${version}`), { as });
const detail = async () => (await server.call("GET", at(), { as: operator })).json as HostDetail;
const hostRow = () =>
  server.sqlite.prepare("SELECT * FROM hosts WHERE id = ?").get(host.hostId) as Record<string, unknown>;
const pushes = () => server.relay(host.hostId).calls.filter(({ method }) => method === "scheduleChanged").length;

function ended(over: Partial<JobFact>): JobFact {
  return {
    fact: "job",
    jobId: uuidv7(server.nowMs(), server.runtime.random),
    factNo: 3,
    kind: "backup",
    state: "succeeded",
    source: "schedule",
    repositoryId: host.repositoryId,
    scheduleId: host.scheduleId,
    createdAtMs: server.nowMs(),
    nominalMs: server.nowMs(),
    missed: 0,
    startedAtMs: server.nowMs(),
    finishedAtMs: server.nowMs(),
    receivedAtMs: server.nowMs(),
    warnings: 0,
    failure: null,
    lastError: null,
    summary: null,
    result: null,
    resticVersion: null,
    ...over,
  };
}
const record = (...facts: JobFact[]) =>
  recordFacts(server.db, host.hostId, facts, { nowMs: server.nowMs(), random: server.runtime.random });

test("an added schedule is due, pushed and audited, and comes back as it was given", async () => {
  const retention = { keep: { daily: 7, within: "30d" }, when: "after_backup" };
  const given = hourly({
    excludes: ["*.tmp"],
    tags: ["a"],
    fsSnapshot: false,
    retention,
    limits: { uploadKiBs: 512 },
    spreadMinutes: 30,
  });
  const { status, json } = await add(given);
  expect(status).toBe(201);
  expect(json).toMatchObject({ ...given, catchUp: "once", version: 1, late: false, hasHooks: false });
  const made = json as ScheduleResource;
  expect(made.nextRunAtMs! % 1000).toBe(0);
  expect(made.nextRunAtMs! - server.nowMs()).toBeLessThanOrEqual(1.5 * HOUR);
  expect(await detail()).toMatchObject({ scheduleVersion: 2, nextDueAtMs: made.nextRunAtMs });
  expect(hostRow()).toMatchObject({ planned_since: server.nowMs(), severity: 3 });
  expect(pushes()).toBe(1);
  expect(server.feed.published.map((message) => message.type)).toEqual(["hostChanged"]);
  expect(server.sqlite.prepare("SELECT action, target_name FROM audit_log").all()).toEqual([
    { action: "schedule.create", target_name: "Hourly" },
  ]);
});

test("of two edits of one version the second is told to reload, and writes nothing", async () => {
  const { id } = (await add(hourly())).json as ScheduleResource;
  const answers = await Promise.all([
    put(id, { ...hourly({ name: "One" }), version: 1 }),
    put(id, { ...hourly({ name: "Two" }), version: 1 }),
  ]);
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409]);
  expect(answers.find(({ status }) => status === 409)?.problem?.code).toBe("schedule.changed");
  expect(hostRow()["schedule_version"]).toBe(3);
  const audited = server.sqlite.prepare("SELECT detail FROM audit_log WHERE action = 'schedule.edit'").pluck().all();
  expect(audited).toHaveLength(1);
  expect(JSON.parse(audited[0] as string)).toMatchObject({ before: { name: "Hourly" } });
});

test("edits of different schedules at once both win, and each gives the set a version of its own", async () => {
  const [a, b] = [(await add(hourly())).json, (await add(hourly({ name: "B" }))).json] as ScheduleResource[];
  const answers = await Promise.all([
    put(a!.id, { ...hourly({ enabled: false }), version: 1 }),
    put(b!.id, { ...hourly({ cron: "30 1 * * *" }), version: 1 }),
    add(hourly({ name: "C", cron: "15 * * * *" })),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 201]);
  expect(hostRow()["schedule_version"]).toBe(6);
  expect(hostRow()["next_due_at"]).toBe(server.nowMs() + HOUR / 4);
});

test("a rename hides no lateness; other times begin anew", async () => {
  const { id } = (await add(hourly())).json as ScheduleResource;
  server.advance(3 * HOUR);
  const late = (await put(id, { ...hourly({ name: "Renamed", paths: ["/home"] }), version: 1 })).json;
  expect(late).toMatchObject({ late: true, updatedAtMs: server.nowMs() });
  expect(hostRow()).toMatchObject({ severity: 1, next_due_at: server.nowMs() - 2 * HOUR });
  await record(ended({}));
  expect(hostRow()["next_due_at"]).toBe(server.nowMs() - 2 * HOUR);
  expect((await put(id, { ...hourly({ cron: "30 * * * *" }), version: 2 })).json).toMatchObject({ late: false });
  expect(hostRow()["next_due_at"]).toBe(server.nowMs() + HOUR / 2);
});

test("a removed schedule takes its due backups and its held forget with it", async () => {
  const { id } = (await add(hourly())).json as ScheduleResource;
  const jobId = uuidv7(server.nowMs(), server.runtime.random);
  server.sqlite
    .prepare(
      "INSERT INTO jobs (id, host_id, kind, state, source, schedule_id, created_at) VALUES (?, ?, 'forget', 'held', 'schedule', ?, 0)",
    )
    .run(jobId, host.hostId, id);
  server.sqlite.prepare("UPDATE schedules SET held_job = ? WHERE id = ?").run(jobId, id);
  expect((await remove(id, 7)).problem?.code).toBe("schedule.changed");
  expect((await remove(id, 1)).status).toBe(204);
  expect(hostRow()).toMatchObject({
    schedule_version: 3,
    next_due_at: null,
    protected_until: null,
    planned_since: null,
  });
  expect(server.sqlite.prepare("SELECT state FROM jobs").pluck().all()).toEqual(["cancelled"]);
  expect((await remove(id, 1)).problem?.code).toBe("schedule.not_found");
});

test.each<[string, string, Record<string, unknown>]>([
  ["nonsense for a cron", "cron", { cron: "every day" }],
  ["a cron with seconds", "cron", { cron: "0 0 2 * * *" }],
  ["a cron that never fires", "cron", { cron: "0 0 30 2 *" }],
  ["no cron", "cron", { cron: undefined }],
  ["an unknown zone", "timeZone", { timeZone: "Mars/Olympus" }],
  ["10,000 paths", "paths", { paths: Array.from({ length: 10_000 }, (_, i) => `/p/${i}`) }],
  ["no path", "paths", { paths: [] }],
  ["paths over 64 KiB", "paths", { paths: Array.from({ length: 500 }, (_, i) => `/${i}${"x".repeat(200)}`) }],
  ["a newline in a path", "paths.0", { paths: ["/srv\n/etc"] }],
  ["NUL in a path", "paths.1", { paths: ["/srv", "/a\u0000b"] }],
  ["a newline in an exclude", "excludes.0", { excludes: ["*\n*"] }],
  ["NUL in an exclude", "excludes.0", { excludes: ["\u0000"] }],
  ["a retention of zeros", "retention.keep.daily", { retention: { keep: { daily: 0 }, when: "after_backup" } }],
  ["a retention of -1", "retention.keep.last", { retention: { keep: { last: -1 }, when: "after_backup" } }],
  ["a retention of 1e9", "retention.keep.last", { retention: { keep: { last: 1e9 }, when: "after_backup" } }],
  ["a retention that keeps nothing", "retention.keep", { retention: { keep: {}, when: "after_backup" } }],
  ["a limit of zero", "limits.uploadKiBs", { limits: { uploadKiBs: 0 } }],
  ["hooks in the schedule itself", "hooks", { hooks: {} }],
  ["an unknown kind", "kind", { kind: "delete" }],
  ["a check with paths", "paths", { kind: "check", readData: { mode: "none" } }],
  ["a repository of no host", "repositoryId", { repositoryId: "00000000-0000-7000-8000-0000000000ff" }],
])("%s is refused with the field named: %s", async (_what, field, over) => {
  const { status, problem } = await add(hourly(over));
  expect(status).toBe(422);
  expect(problem?.errors?.map((error) => error.field)).toContain(field);
  expect(hostRow()["schedule_version"]).toBe(1);
});

test("another host's schedule is not found, and another host's repository is refused", async () => {
  const other = await addHost(server.runtime, { name: "db-1" });
  const answer = await put(other.scheduleId, { ...hourly(), version: 1 });
  expect(answer.problem?.code).toBe("schedule.not_found");
  const foreign = await put(host.scheduleId, { ...hourly({ repositoryId: other.repositoryId }), version: 1 });
  expect(foreign.problem?.errors).toEqual([{ field: "repositoryId", message: "this host has no such repository" }]);
});

test("a kind does not change, and only an administrator confirms a plan", async () => {
  const { id } = (await add(hourly())).json as ScheduleResource;
  const prune = { ...hourly({ kind: "prune", paths: undefined }), version: 1 };
  expect((await put(id, prune)).problem?.errors?.[0]?.field).toBe("kind");
  const retention = { keep: { last: 3 }, when: "after_backup" };
  const snapshot = (hour: number) => server.nowMs() - hour * HOUR;
  await addSnapshots(server.runtime, host, [5, 4, 3, 2].map(snapshot), { scheduleId: id });
  const preview = { keep: retention.keep };
  const { json } = await server.call("POST", at(`/schedules/${id}/retention-preview`), { as: operator, body: preview });
  const confirmPlan = json.fingerprint as string;
  const confirmed = { ...hourly({ retention }), version: 1, confirmPlan };
  expect((await put(id, confirmed)).problem?.code).toBe("auth.forbidden");
  const other = { ...confirmed, retention: { ...retention, keep: { last: 2 } } };
  expect((await put(id, other, admin)).problem).toMatchObject({ status: 409, code: "forget.plan_changed" });
  expect((await put(id, confirmed, admin)).status).toBe(200);
  expect(server.sqlite.prepare("SELECT fires_at, released_plan FROM schedules WHERE id = ?").get(id)).toEqual({
    fires_at: server.nowMs(),
    released_plan: confirmPlan,
  });
  const released = () => server.sqlite.prepare("SELECT released_plan FROM schedules WHERE id = ?").pluck().get(id);
  await put(id, { ...hourly({ retention, name: "Nightly" }), version: 2 });
  expect(released()).toBe(confirmPlan);
  await put(id, { ...hourly({ retention: { keep: { last: 2 }, when: "after_backup" } }), version: 3 });
  expect(released()).toBeNull();
});

test("the 51st schedule of a host is refused", async () => {
  for (let i = 0; i < 49; i++) expect((await add(hourly({ name: `S${i}`, manual: true }))).status).toBe(201);
  expect((await add(hourly())).problem?.code).toBe("schedule.limit");
});

test("prune and forget are due by the server's clock, and go on waiting through an edit that leaves their times", async () => {
  const prune = hourly({ kind: "prune", name: "Prune", paths: undefined });
  expect((await add(prune)).problem?.code).toBe("auth.forbidden");
  const { id } = (await add(prune, admin)).json as ScheduleResource;
  const firesAt = () => server.sqlite.prepare("SELECT fires_at FROM schedules WHERE id = ?").pluck().get(id);
  expect(firesAt()).toBe(server.nowMs() + HOUR);
  const due = firesAt();
  server.advance(3 * HOUR);
  await put(id, { ...prune, name: "Tidy", version: 1 }, admin);
  expect(firesAt()).toBe(due);
  await put(id, { ...prune, cron: "30 * * * *", version: 2 }, admin);
  expect(firesAt()).toBe(server.nowMs() + HOUR / 2);
  await put(id, { ...prune, enabled: false, version: 3 }, admin);
  expect(firesAt()).toBeNull();
  expect(hostRow()).toMatchObject({ next_due_at: null, planned_since: null });
});

test("runs of a schedule move what is due, and a good one wakes the retention that follows it, once", async () => {
  const retention = { keep: { last: 3 }, when: "after_backup" };
  const { id } = (await add(hourly({ retention }))).json as ScheduleResource;
  server.advance(HOUR);
  const fact = ended({ scheduleId: id, jobId: runJobId(host.hostId, id, server.nowMs()) });
  await record(fact);
  const schedule = (await detail()).schedules.find((found) => found.id === id);
  expect(schedule).toMatchObject({ lastRun: { jobId: fact.jobId, atMs: server.nowMs(), outcome: "succeeded" } });
  expect(await detail()).toMatchObject({ nextDueAtMs: server.nowMs() + HOUR });
  expect(hostRow()["protected_until"]).toBe(server.nowMs() + HOUR * 1.25);
  const firesAt = () => server.sqlite.prepare("SELECT fires_at FROM schedules WHERE id = ?").pluck().get(id);
  expect(firesAt()).toBe(server.nowMs());
  server.sqlite.prepare("UPDATE schedules SET fires_at = NULL WHERE id = ?").run(id);
  await record(fact);
  expect(firesAt()).toBeNull();
  server.advance(1);
  await record(ended({ scheduleId: id, state: "failed" }));
  expect(firesAt()).toBeNull();
  expect((await detail()).schedules.find((found) => found.id === id)?.lastRun?.outcome).toBe("failed");
});

test("a day of fires that arrive together is written as if each had come in its hour", async () => {
  const { id } = (await add(hourly())).json as ScheduleResource;
  const facts = Array.from({ length: 60 }, (_, i) => {
    const atMs = server.nowMs() + i * HOUR;
    const state = i === 20 ? "failed" : "succeeded";
    const summary = { filesNew: 0, filesChanged: 0, filesUnmodified: 0, totalFiles: 0, addedBytes: i, durationMs: 1 };
    return ended({
      scheduleId: id,
      jobId: runJobId(host.hostId, id, atMs),
      state,
      createdAtMs: atMs,
      startedAtMs: atMs,
      finishedAtMs: atMs + 1000,
      receivedAtMs: server.nowMs() + 59.5 * HOUR,
      summary: state === "failed" ? null : { ...summary, totalBytes: 1000 + i },
    });
  });
  server.advance(59.5 * HOUR);
  await record(...facts);
  const days = () => server.sqlite.prepare("SELECT * FROM host_days ORDER BY day").all();
  const together = [days(), hostRow()];
  await record(...facts);
  expect([days(), hostRow()]).toEqual(together);
  expect((await detail()).days.slice(-3)).toBe("sfs");
  const { items } = (await server.call("GET", at("/days?days=7"), { as: operator })).json;
  expect(items).toMatchObject([
    { outcome: "succeeded", addedBytes: 11, sizeBytes: 1011, durationMs: 1000 },
    { outcome: "failed", addedBytes: 35, sizeBytes: 1035 },
    { outcome: "succeeded", addedBytes: 59, sizeBytes: 1059 },
  ]);
});

test("a day on which a planned backup did not come is missed once it is over", async () => {
  const { id } = (await add(hourly())).json as ScheduleResource;
  await record(ended({ scheduleId: id }));
  server.advance(48 * HOUR);
  expect((await detail()).days.slice(-4)).toBe("nsmn");
});

test("a failed check makes the host failing until a later one succeeds", async () => {
  const check = hourly({ kind: "check", name: "Check", paths: undefined, readData: { mode: "rotate", days: 30 } });
  const { id } = (await add(check)).json as ScheduleResource;
  const failure = { code: "repository.damaged", message: "a pack is damaged", retry: false } as const;
  await record(ended({ kind: "check", scheduleId: id, state: "failed", failure }));
  expect(await detail()).toMatchObject({ status: "failing", checkFailed: true });
  server.advance(1000);
  await record(ended({ kind: "check", scheduleId: id }));
  expect(await detail()).toMatchObject({ status: "offline", checkFailed: false });
});

// ---- hooks --------------------------------------------------------------------------------------------------------

const hooks = { pre: { kind: "named", name: "dump-db" }, timeoutMinutes: 5 };

test("hooks are an administrator's, sealed at rest, and leave no text in the audit log", async () => {
  const path = at(`/schedules/${host.scheduleId}/hooks`);
  const secret = { post: { kind: "remote", text: "curl https://ntfy.test/a-secret-topic" }, timeoutMinutes: 15 };
  expect((await server.call("GET", path, { as: operator })).problem?.code).toBe("auth.forbidden");
  expect((await server.call("PUT", path, { as: admin, body: { hooks: secret, version: 0 } })).json).toEqual({
    hooks: secret,
    version: 1,
  });
  expect((await server.call("PUT", path, { as: admin, body: { hooks, version: 0 } })).problem?.code).toBe(
    "schedule.changed",
  );
  expect((await server.call("GET", path, { as: admin })).json).toEqual({ hooks: secret, version: 1 });
  expect(server.sqlite.serialize().includes("a-secret-topic")).toBe(false);
  expect(hostRow()["schedule_version"]).toBe(2);
  expect(pushes()).toBe(1);
  expect((await detail()).schedules[0]).toMatchObject({ hasHooks: true });
  expect((await server.call("PUT", path, { as: admin, body: { hooks: null, version: 1 } })).status).toBe(200);
  expect((await server.call("GET", path, { as: admin })).json).toEqual({ hooks: null, version: 2 });
});

test("hooks that no key of the server opens are said to be there, and can be replaced", async () => {
  const path = at(`/schedules/${host.scheduleId}/hooks`);
  await server.call("PUT", path, { as: admin, body: { hooks, version: 0 } });
  server.sqlite.prepare("UPDATE schedules SET hooks = 'what another key sealed' WHERE id = ?").run(host.scheduleId);
  expect((await server.call("GET", path, { as: admin })).json).toEqual({ hooks: null, version: 1, unreadable: true });
  expect((await server.call("PUT", path, { as: admin, body: { hooks, version: 1 } })).status).toBe(200);
  expect((await server.call("GET", path, { as: admin })).json).toEqual({ hooks, version: 2 });
});

test("a host has default hooks and a shell", async () => {
  const path = at("/hooks");
  expect((await server.call("GET", path, { as: admin })).json).toEqual({ hooks: null, version: 0, shell: "/bin/sh" });
  const body = { hooks, version: 0, shell: "/bin/bash" };
  expect((await server.call("PUT", path, { as: admin, body })).json).toEqual({ ...body, version: 1 });
  expect(await detail()).toMatchObject({ hasHooks: true, scheduleVersion: 2 });
  const relative = await server.call("PUT", path, { as: admin, body: { ...body, shell: "bash", version: 1 } });
  expect(relative.problem?.errors?.[0]?.field).toBe("shell");
});

test("hooks are refused where no backup is, and where the host's policy refuses them, with the local remedy", async () => {
  const prune = (await add(hourly({ kind: "prune", paths: undefined }), admin)).json as ScheduleResource;
  const set = (id: string, body: unknown) =>
    server.call("PUT", at(`/schedules/${id}/hooks`), { as: admin, body: { hooks: body, version: 0 } });
  expect((await set(prune.id, hooks)).problem?.errors?.[0]?.field).toBe("hooks");
  const remote = { post: { kind: "remote", text: "true" } };
  const policy: HostPolicy = {
    allowHooks: "named",
    hooks: ["dump-db"],
    allowPaths: null,
    denyPaths: [],
    allowRestore: "none",
    restoreRoots: [],
    allowPrune: true,
    keepAtLeast: 3,
    maxShare: 0.5,
    allowRepositories: "first",
  };
  const allow = (allowHooks: string) =>
    server.sqlite.prepare("UPDATE hosts SET policy = ?").run(JSON.stringify({ ...policy, allowHooks }));
  allow("named");
  const { problem } = await set(host.scheduleId, remote);
  expect(problem).toMatchObject({ status: 422, errors: [{ field: "hooks.post" }] });
  expect(problem?.detail).toContain("sudo restic-manager-agent policy set allow_hooks remote");
  allow("none");
  expect((await set(host.scheduleId, hooks)).problem?.errors?.[0]?.field).toBe("hooks.pre");
  allow("remote");
  expect((await set(host.scheduleId, remote)).status).toBe(200);
});
