import { afterEach, beforeEach, expect, test } from "vitest";
import type { JobResource, Page } from "../../protocol/api.ts";
import { fail } from "../../protocol/failure.ts";
import { START_NOT_AFTER_MS } from "../../protocol/limits.ts";
import type { JobRecord } from "../../protocol/wire.ts";
import { addHost, addSchedule, type TestHost } from "../../tests/support/fleet.ts";
import { JOBS_EXAMINED } from "../store/jobs.ts";
import { startTestServer, type Caller, type TestServer } from "../../tests/support/server.ts";

let server: TestServer;
let operator: Caller;
let host: TestHost;
beforeEach(async () => {
  server = await startTestServer();
  operator = await server.user("operator");
  host = await addHost(server.runtime);
});
afterEach(() => server.close());

const run = (body: object = { kind: "backup" }, hostId = host.hostId) =>
  server.call("POST", `/api/hosts/${hostId}/jobs`, { as: operator, body });
const jobRows = () => server.sqlite.prepare("SELECT * FROM jobs").all() as Record<string, unknown>[];
const audited = () => server.sqlite.prepare("SELECT action FROM audit_log ORDER BY action DESC").pluck().all();

test("Run now writes the job down, then hands it to the relay", async () => {
  const { status, json } = await run({ kind: "backup", verbose: true });
  expect(status).toBe(202);
  expect(json).toMatchObject({
    hostId: host.hostId,
    hostName: "web-1",
    kind: "backup",
    state: "queued",
    source: "asked",
    scheduleId: host.scheduleId,
    scheduleName: "manual",
    askedBy: "operator-1",
  });
  expect(server.relay(host.hostId).calls).toEqual([
    {
      method: "enqueue",
      args: [
        {
          jobId: json.id,
          notAfterMs: server.nowMs() + START_NOT_AFTER_MS,
          createdAtMs: server.nowMs(),
          cancelAsked: false,
          spec: {
            kind: "backup",
            repositoryId: host.repositoryId,
            scheduleId: host.scheduleId,
            paths: ["/srv/data"],
            excludes: [],
            tags: [],
            createRepository: false,
            verbose: true,
            limits: {},
          },
        },
      ],
    },
  ]);
  expect(audited()).toEqual(["job.run"]);
  expect(server.feed.published.map((message) => message.type)).toEqual(["hostChanged", "jobChanged"]);
});

test("Run now on an offline host is refused and leaves no job", async () => {
  server.relay(host.hostId).online = false;
  expect((await run()).problem).toMatchObject({ status: 409, code: "host.offline" });
  expect(jobRows()).toEqual([]);
  expect(audited()).toEqual([]);
});

test("Run now on a locked host is refused", async () => {
  server.sqlite.exec("UPDATE hosts SET locked = 1");
  expect((await run()).problem?.code).toBe("host.locked");
});

test("a relay that refuses settles the job as failed for that reason", async () => {
  server.relay(host.hostId).enqueueAnswer = fail("host.offline", "The host is offline.", { retry: true });
  expect((await run()).problem?.code).toBe("host.offline");
  expect(jobRows()).toMatchObject([{ state: "failed", fact_no: 0, failure: expect.stringContaining("host.offline") }]);
});

test("a relay that cannot be reached leaves the job queued for the sweeper", async () => {
  server.relay(host.hostId).enqueue = async () => {
    throw new Error("relay is down");
  };
  expect(await run()).toMatchObject({ status: 202, json: { state: "queued" } });
});

test("a schedule that waits already is not queued twice, even by two clicks at once", async () => {
  const answers = await Promise.all([run(), run(), run()]);
  expect(answers.map((answer) => answer.status).toSorted()).toEqual([202, 409, 409]);
  expect(jobRows()).toHaveLength(1);
  expect(audited()).toEqual(["job.run"]);
  server.sqlite.exec("UPDATE jobs SET state = 'running'");
  expect((await run()).status).toBe(202);
});

test.each([
  [{ kind: "init" }, { kind: "init" }],
  [{ kind: "snapshots" }, { kind: "snapshots" }],
  [{ kind: "stats" }, { kind: "stats" }],
  [{ kind: "unlock" }, { kind: "unlock", removeAll: false }],
  [
    { kind: "check", readData: { mode: "percent", percent: 5 }, limits: { downloadKiBs: 512 } },
    { kind: "check", readData: { mode: "percent", percent: 5 }, limits: { downloadKiBs: 512 } },
  ],
])("%j takes the host's repository", async (body, spec) => {
  const { json } = await run(body);
  expect(json).toMatchObject({ kind: body.kind, repositoryId: host.repositoryId, missed: 0 });
  const [offer] = server.relay(host.hostId).calls;
  expect(offer?.args).toMatchObject([{ jobId: json.id, spec: { ...spec, repositoryId: host.repositoryId } }]);
  expect((await run(body)).problem?.code).toBe("job.conflict");
});

test.each([
  [{ kind: "prune" }, 403],
  [{ kind: "unlock", removeAll: true }, 403],
  [{ kind: "unlock" }, 202],
  [{ kind: "check" }, 202],
])("%j by an operator answers %i; an administrator may", async (body, status) => {
  expect((await run(body)).status).toBe(status);
  server.sqlite.exec("DELETE FROM jobs");
  const admin = await server.user("admin");
  expect((await server.call("POST", `/api/hosts/${host.hostId}/jobs`, { as: admin, body })).status).toBe(202);
});

test("several schedules and none manual: the host's Run now asks which, by name", async () => {
  server.sqlite.exec("UPDATE schedules SET manual = 0, cron = '0 2 * * *', time_zone = 'UTC'");
  server.advance(1);
  await addSchedule(server.runtime, host, { name: "home", cron: "0 3 * * *" });
  const { problem } = await run();
  expect(problem).toMatchObject({
    status: 409,
    code: "schedule.choose",
    detail: expect.stringMatching(/manual, home/),
  });
  await addSchedule(server.runtime, host, { name: "by hand" });
  expect((await run()).json).toMatchObject({ scheduleName: "by hand" });
});

const runSchedule = (sid: string, body: object = {}, as = operator) =>
  server.call("POST", `/api/hosts/${host.hostId}/schedules/${sid}/run`, { as, body });
const offered = () => server.relay(host.hostId).calls.findLast((call) => call.method === "enqueue")?.args;

test("a schedule runs when asked, with its own limits unless others are given", async () => {
  server.sqlite.exec(`UPDATE schedules SET limits = '{"uploadKiBs":1024}', manual = 0`);
  expect((await runSchedule(host.scheduleId)).json).toMatchObject({ kind: "backup", scheduleName: "manual" });
  expect(offered()).toMatchObject([{ spec: { limits: { uploadKiBs: 1024 }, verbose: false } }]);
  server.sqlite.exec("DELETE FROM jobs");
  await runSchedule(host.scheduleId, { verbose: true, limits: {} });
  expect(offered()).toMatchObject([{ spec: { limits: {}, verbose: true } }]);
});

test("check and prune schedules run when asked; prune only for administrators", async () => {
  const check = await addSchedule(server.runtime, host, { kind: "check", readData: '{"mode":"rotate","days":7}' });
  expect((await runSchedule(check)).json).toMatchObject({ kind: "check", scheduleId: check });
  expect(offered()).toMatchObject([{ spec: { kind: "check", readData: { mode: "rotate", of: 7 } } }]);
  const prune = await addSchedule(server.runtime, host, { kind: "prune", limits: '{"uploadKiBs":64}' });
  expect((await runSchedule(prune)).status).toBe(403);
  expect((await runSchedule(prune, {}, await server.user("admin"))).json).toMatchObject({ kind: "prune" });
  expect(offered()).toMatchObject([{ spec: { kind: "prune", scheduleId: prune, limits: { uploadKiBs: 64 } } }]);
});

test("a schedule of another host, or one that is switched off, is not run", async () => {
  const other = await addHost(server.runtime, { name: "db-1" });
  expect((await runSchedule(other.scheduleId)).problem).toMatchObject({ status: 404, code: "schedule.not_found" });
  server.sqlite.exec("UPDATE schedules SET enabled = 0");
  expect((await runSchedule(host.scheduleId)).problem?.code).toBe("host.no_schedule");
});

test.each([
  [{ kind: "restore" }, 422],
  [{ kind: "forget" }, 409],
  [{ kind: "check", readData: { mode: "rotate", days: 7 } }, 422],
  [{ kind: "check", limits: { uploadKiBs: 0 } }, 422],
  [{ kind: "backup", paths: ["/etc/shadow"] }, 422],
  [{ kind: "backup", scheduleId: "00000000-0000-7000-8000-000000000000" }, 409],
  [{ kind: "snapshots", repositoryId: "00000000-0000-7000-8000-000000000000" }, 422],
])("%j answers %i and asks nothing of the host", async (body, status) => {
  expect((await run(body)).status).toBe(status);
  expect(server.relay(host.hostId).calls.filter((call) => call.method === "enqueue")).toEqual([]);
});

test("a repository that is not the host's is refused with its field named", async () => {
  const other = await addHost(server.runtime, { name: "db-1" });
  const { problem } = await run({ kind: "check", repositoryId: other.repositoryId });
  expect(problem).toMatchObject({ status: 422, errors: [{ field: "repositoryId" }] });
});

test("a forget without a retention says where to set one", async () => {
  for (const body of [{ kind: "forget" }, { kind: "forget", scheduleId: host.scheduleId }]) {
    const { problem } = await run(body);
    expect(problem).toMatchObject({ status: 409, code: "forget.nothing" });
    expect(problem?.detail).toContain("Set one in the schedule");
  }
});

test("a host without a schedule says so", async () => {
  server.sqlite.exec("UPDATE schedules SET enabled = 0");
  expect((await run()).problem?.code).toBe("host.no_schedule");
});

test("a cancel is written down once, with who asked, and passed on each time", async () => {
  const { json: job } = await run();
  const cancel = () => server.call("POST", `/api/jobs/${job.id}/cancel`, { as: operator });
  expect(await cancel()).toMatchObject({ status: 202, json: { cancelAskedBy: "operator-1" } });
  expect((await cancel()).status).toBe(202);
  expect(audited()).toEqual(["job.run", "job.cancel"]);
  expect(server.relay(host.hostId).calls.filter((call) => call.method === "cancel")).toHaveLength(2);
});

test("a cancel that comes before the relay knows the job rides on its row", async () => {
  const { json: job } = await run();
  server.relay(host.hostId).cancel = async () => fail("job.not_found", "This host has no such job.");
  const { status } = await server.call("POST", `/api/jobs/${job.id}/cancel`, { as: operator });
  expect(status).toBe(202);
  expect(jobRows()[0]).toMatchObject({ cancel_asked_at: server.nowMs() });
});

test("a job that has ended cannot be cancelled", async () => {
  const { json: job } = await run();
  server.sqlite.exec("UPDATE jobs SET state = 'succeeded'");
  const { problem } = await server.call("POST", `/api/jobs/${job.id}/cancel`, { as: operator });
  expect(problem).toMatchObject({ status: 409, code: "job.already_finished" });
  expect(audited()).toEqual(["job.run"]);
});

test("jobs come newest first, by host, schedule, state and kind, page by page, without gaps", async () => {
  const other = await addHost(server.runtime, { name: "db-1" });
  const removed = "00000000-0000-7000-8000-00000000aaaa";
  const insert = server.sqlite.prepare(
    "INSERT INTO jobs (id, host_id, kind, state, source, created_at, schedule_id) VALUES (?, ?, ?, ?, 'asked', ?, ?)",
  );
  for (let n = 0; n < 30; n++) {
    const id = `00000000-0000-7000-8000-${String((n * 7) % 30).padStart(12, "0")}`;
    const [hostId, kind, state] = [
      n % 2 ? host.hostId : other.hostId,
      n % 3 ? "backup" : "init",
      n % 5 ? "failed" : "running",
    ];
    insert.run(
      id,
      hostId,
      kind,
      state,
      Math.floor(n / 4),
      n % 4 === 1 ? host.scheduleId : n % 4 === 2 ? removed : null,
    );
  }
  for (const [query, where] of [
    ["", "1"],
    [`&hostId=${host.hostId}`, `host_id = '${host.hostId}'`],
    ["&state=running", "state = 'running'"],
    ["&state=failed", "state = 'failed'"],
    ["&kind=init", "kind = 'init'"],
    ["&kind=init&state=failed", "kind = 'init' AND state = 'failed'"],
    ["&since=3&until=6", "created_at BETWEEN 3 AND 5"],
    [`&scheduleId=${host.scheduleId}`, `schedule_id = '${host.scheduleId}'`],
    [`&scheduleId=${removed}`, `schedule_id = '${removed}'`],
    [`&hostId=${other.hostId}&kind=init`, `host_id = '${other.hostId}' AND kind = 'init'`],
  ]) {
    const all = server.sqlite
      .prepare(`SELECT id FROM jobs WHERE ${where} ORDER BY created_at DESC, id DESC`)
      .pluck()
      .all();
    const seen: string[] = [];
    for (let after = ""; ;) {
      const { json } = await server.call("GET", `/api/jobs?limit=4${query}${after}`, { as: operator });
      const page = json as Page<JobResource>;
      seen.push(...page.items.map((item) => item.id));
      if (page.next === undefined) break;
      after = `&after=${page.next}`;
    }
    expect({ query, seen }).toEqual({ query, seen: all });
  }
});

test("what no index answers is looked for a stretch at a time, and found", async () => {
  server.sqlite
    .prepare(
      `INSERT INTO jobs (id, host_id, kind, state, source, created_at)
        WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
        SELECT printf('00000000-0000-7000-8000-%012d', i), ?, 'backup', iif(i = 7, 'running', 'succeeded'), 'asked', i FROM n`,
    )
    .run(2 * JOBS_EXAMINED, host.hostId);
  const pages: Page<JobResource>[] = [];
  for (let after = ""; ;) {
    const { json } = await server.call("GET", `/api/jobs?state=running${after}`, { as: operator });
    pages.push(json as Page<JobResource>);
    if (json.next === undefined) break;
    after = `&after=${json.next}`;
  }
  expect(pages).toHaveLength(3);
  expect(pages.flatMap((page) => page.items)).toMatchObject([{ createdAtMs: 7 }]);
});

test("the lists of what needs a look are ranges of an index, however many jobs there are", () => {
  const plan = (where: string) => {
    const rows = server.sqlite
      .prepare(`EXPLAIN QUERY PLAN SELECT id FROM jobs WHERE ${where} ORDER BY created_at DESC, id DESC LIMIT 50`)
      .all() as { detail: string }[];
    return rows.map((row) => row.detail).join();
  };
  expect(plan("state = 'held' AND state NOT IN ('queued', 'running', 'succeeded')")).toMatch(/SEARCH .* jobs_unwell/);
  expect(plan("kind = 'check' AND kind <> 'backup'")).toMatch(/SEARCH .* jobs_care/);
});

test("the log is text, slice after slice, under a name every browser can save", async () => {
  server.sqlite.prepare("UPDATE hosts SET name = ?").run('büro/"1"\r\n');
  const { json: job } = await run();
  const line = (text: string): string => {
    const record: JobRecord = { type: "logged", atMs: 0, stream: "restic", text };
    return JSON.stringify(record);
  };
  server.relay(host.hostId).log = [
    { first: 1, records: [line("one"), line("zwei äöü")], next: 2 },
    { first: 3, records: [line("three\u001b[31m")], next: null },
  ];
  const answer = await server.call("GET", `/api/jobs/${job.id}/log`, { as: operator });
  expect(answer.text).toBe(
    ["one", "zwei äöü", "three\\x1b[31m"].map((text) => `1970-01-01T00:00:00.000Z restic ${text}\n`).join(""),
  );
  expect(answer.headers.get("content-type")).toBe("text/plain; charset=utf-8");
  expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
  const disposition = answer.headers.get("content-disposition");
  expect(disposition).toMatch(
    /^attachment; filename="backup-b_ro__1___-2026-01-15T12-00-00Z\.log"; filename\*=UTF-8''/,
  );
  expect(decodeURIComponent(disposition!.split("UTF-8''")[1]!)).toBe('backup-büro_"1"\r\n-2026-01-15T12-00-00Z.log');
});

test("a log whose beginning has left says so", async () => {
  const { json: job } = await run();
  server.relay(host.hostId).log = [
    { first: 41, records: [JSON.stringify({ type: "started", atMs: 0 } satisfies JobRecord)], next: null },
  ];
  const { text } = await server.call("GET", `/api/jobs/${job.id}/log`, { as: operator });
  expect(text).toBe("(records before 41 are no longer kept)\n1970-01-01T00:00:00.000Z agent  started\n");
});

test("an unknown job has no log", async () => {
  const { problem } = await server.call("GET", "/api/jobs/none/log", { as: operator });
  expect(problem?.code).toBe("job.not_found");
});
