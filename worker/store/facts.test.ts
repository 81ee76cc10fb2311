import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { uuidv7 } from "../../core/ids.ts";
import type { Fact, JobFact, PresenceFact, SnapshotFact } from "../../core/relay/facts.ts";
import { PROTECTED_FOR_MS } from "../../protocol/limits.ts";
import type { ClaimantResource } from "../../protocol/claimants.ts";
import type { HostPolicy, ScheduleInput } from "../../protocol/schedule.ts";
import { addHost, type TestHost } from "../../tests/support/fleet.ts";
import { startTestServer, type TestServer } from "../../tests/support/server.ts";
import { recordFacts } from "./facts.ts";
import { loadHostAbout } from "./hosts.ts";
import { recordScheduleEdited } from "./schedule-edits.ts";

let server: TestServer;
let host: TestHost;
let jobId: string;

beforeEach(async () => {
  server = await startTestServer({ routes: [] });
  host = await addHost(server.runtime);
  jobId = uuidv7(server.nowMs(), server.runtime.random);
});
afterEach(() => server.close());

const record = (facts: Fact[], to = host) =>
  recordFacts(server.db, to.hostId, facts, { nowMs: server.nowMs(), random: server.runtime.random });
const hostRow = (id = host.hostId) =>
  server.sqlite.prepare("SELECT * FROM hosts WHERE id = ?").get(id) as Record<string, unknown>;
const jobRow = (id: string) =>
  server.sqlite.prepare("SELECT * FROM jobs WHERE id = ?").get(id) as Record<string, unknown>;

function job(over: Partial<JobFact>): JobFact {
  return {
    fact: "job",
    jobId,
    factNo: 1,
    kind: "backup",
    state: "running",
    source: "asked",
    repositoryId: host.repositoryId,
    scheduleId: host.scheduleId,
    createdAtMs: server.nowMs(),
    startedAtMs: server.nowMs(),
    finishedAtMs: null,
    receivedAtMs: server.nowMs(),
    warnings: 0,
    failure: null,
    lastError: null,
    summary: null,
    result: null,
    nominalMs: null,
    missed: 0,
    resticVersion: "0.18.0",
    ...over,
  };
}
function finished(factNo: number, state: "succeeded" | "failed" | "cancelled", over: Partial<JobFact> = {}): JobFact {
  const summary = {
    filesNew: 3,
    filesChanged: 0,
    filesUnmodified: 0,
    totalFiles: 3,
    totalBytes: 3000,
    addedBytes: 2000,
    durationMs: 900,
  };
  const finishedAtMs = over.receivedAtMs ?? server.nowMs();
  return job({ factNo, state, finishedAtMs, summary: state === "succeeded" ? summary : null, ...over });
}
function presence(no: number, online: boolean): PresenceFact {
  return {
    fact: "presence",
    no,
    online,
    atMs: server.nowMs() + no,
    about: !online
      ? null
      : {
          agentVersion: `0.1.${no}`,
          resticVersion: "0.18.0",
          os: "linux",
          arch: "x64",
          machineFacts: { kernel: "6.1" },
          clockSkewMs: no,
          scheduleVersion: 1,
          configVersion: 1,
          policy: null,
        },
  };
}
function snapshot(n: number, atMs: number): SnapshotFact {
  return {
    fact: "snapshot",
    repositoryId: host.repositoryId,
    atMs,
    snapshot: {
      id: n.toString(16).padStart(64, "0"),
      timeMs: 1000 * n,
      hostname: "web-1",
      paths: ["/srv/data"],
      tags: ["a"],
    },
  };
}

test("a finished backup becomes the host's last backup, and a repeat of it writes nothing", async () => {
  const facts = [presence(1, true), job({}), snapshot(1, server.nowMs()), finished(2, "succeeded")];
  const messages = await record(facts);
  expect(messages.map((m) => m.type)).toEqual(["hostChanged", "jobChanged"]);
  expect(hostRow()).toMatchObject({
    online: 1,
    last_backup_outcome: "succeeded",
    last_backup_added_bytes: 2000,
    size_bytes: 3000,
    last_good_backup_at: server.nowMs(),
    protected_until: server.nowMs() + PROTECTED_FOR_MS,
    snapshot_count: 1,
    severity: 5,
  });
  const before = server.sqlite.serialize();
  expect(await record(facts)).toEqual([]);
  expect(server.sqlite.serialize().equals(before)).toBe(true);
});

test("a scheduled job that ran offline makes its own row, named after its schedule", async () => {
  await record([finished(1, "succeeded", { source: "schedule" })]);
  expect(jobRow(jobId)).toMatchObject({ state: "succeeded", schedule_name: "manual", source: "schedule" });
});

test("a forget that was put back to held is held no longer once its relay speaks of it", async () => {
  await record([job({ kind: "forget", state: "queued", factNo: 0 })]);
  server.sqlite.prepare("UPDATE jobs SET state = 'held', fact_no = 0").run();
  server.sqlite.prepare("UPDATE schedules SET held_job = ?").run(jobId);
  const heldJob = () => server.sqlite.prepare("SELECT held_job FROM schedules").pluck().get();
  await record([job({ kind: "forget", jobId: uuidv7(server.nowMs(), server.runtime.random) })]);
  expect(heldJob()).toBe(jobId);
  await record([job({ kind: "forget", factNo: 2 })]);
  expect([jobRow(jobId)["state"], heldJob()]).toEqual(["running", null]);
});

test("an older state that lands late does not undo a verdict", async () => {
  await record([finished(3, "failed")]);
  await record([job({ factNo: 2 })]);
  expect(jobRow(jobId)).toMatchObject({ state: "failed", fact_no: 3 });
  expect(hostRow()).toMatchObject({ last_backup_outcome: "failed", severity: 0 });
});

test("a late report of an older backup does not replace the newest one", async () => {
  const nowMs = server.nowMs();
  await record([finished(1, "failed", { receivedAtMs: nowMs })]);
  const older = uuidv7(nowMs - 5000, server.runtime.random);
  await record([finished(1, "succeeded", { jobId: older, receivedAtMs: nowMs, finishedAtMs: nowMs - 5000 })]);
  expect(hostRow()).toMatchObject({
    last_backup_outcome: "failed",
    last_backup_at: nowMs,
    last_good_backup_at: nowMs - 5000,
  });
});

test("a host whose clock runs ahead is not protected into the future", async () => {
  await record([finished(1, "succeeded", { finishedAtMs: server.nowMs() + 365 * 24 * 3600_000 })]);
  expect(hostRow()).toMatchObject({ last_good_backup_at: server.nowMs() });
});

test("a cancelled or expired backup hides no failure", async () => {
  await record([finished(1, "failed")]);
  const expired = { code: "job.expired", message: "expired", retry: true } as const;
  server.advance(1000);
  for (const over of [finished(1, "cancelled"), finished(1, "failed", { failure: expired, startedAtMs: null })]) {
    const id = uuidv7(server.nowMs(), server.runtime.random);
    await record([{ ...over, jobId: id }]);
  }
  expect(hostRow()).toMatchObject({ last_backup_outcome: "failed", last_backup_job: jobId });
});

test("a backup that met the same one on its host makes neither the host nor the schedule failed", async () => {
  await record([finished(1, "succeeded")]);
  const before = hostRow();
  const conflict = { code: "job.conflict", message: "runs already", retry: true } as const;
  server.advance(1000);
  await record([
    { ...finished(1, "failed", { failure: conflict }), jobId: uuidv7(server.nowMs(), server.runtime.random) },
  ]);
  expect(hostRow()).toEqual(before);
});

test("a host cannot write another host's job, repository or snapshots", async () => {
  await record([job({}), snapshot(1, 1)]);
  const other = await addHost(server.runtime, { name: "evil" });
  const messages = await record(
    [
      finished(9, "failed"),
      snapshot(2, 2),
      { fact: "snapshotsListed", repositoryId: host.repositoryId, fromMs: 0, toMs: 1e15, ids: [], atMs: 9e14 },
    ],
    other,
  );
  expect(messages).toEqual([]);
  expect(jobRow(jobId)).toMatchObject({ state: "running", host_id: host.hostId });
  expect(server.sqlite.prepare("SELECT count(*) AS n FROM snapshots").get()).toEqual({ n: 1 });
  expect(hostRow(other.hostId)).toMatchObject({ last_backup_at: null, snapshot_count: 0 });
});

test("facts of a host that is gone change nothing", async () => {
  const gone = { ...host, hostId: uuidv7(1, server.runtime.random) };
  expect(await record([presence(1, true), finished(1, "succeeded"), snapshot(1, 1)], gone)).toEqual([]);
});

test("a listing removes what the repository no longer holds, in its range only, and a late repeat brings nothing back", async () => {
  const facts: Fact[] = [1, 2, 3, 4].map((n) => snapshot(n, 100));
  const ids = (n: number) => snapshot(n, 0).snapshot.id;
  await record(facts);
  const listed: Fact = {
    fact: "snapshotsListed",
    repositoryId: host.repositoryId,
    fromMs: 1000,
    toMs: 3000,
    ids: [ids(1)],
    atMs: 200,
  };
  await record([listed]);
  const times = () => server.sqlite.prepare("SELECT time FROM snapshots ORDER BY time").pluck().all();
  expect(times()).toEqual([1000, 4000]);
  await record(facts);
  await record([snapshot(2.5, 300), listed]);
  expect(times()).toEqual([1000, 2500, 4000]);
  expect(hostRow()).toMatchObject({ snapshot_count: 3 });
});

test("a lock leaves one audit row, however often it is told", async () => {
  const locked: Fact = { fact: "locked", no: 4, locked: true, atMs: 1, why: "an older join number" };
  await record([locked]);
  await record([locked, presence(3, true)]);
  expect(hostRow()).toMatchObject({ locked: 1, online: 0 });
  expect(server.sqlite.prepare("SELECT action, target_id FROM audit_log").all()).toEqual([
    { action: "host.lock", target_id: host.hostId },
  ]);
});

test("a choice is audited once with who made it, and late news of the claimants changes nothing", async () => {
  const claimant: ClaimantResource = {
    no: 1,
    standing: "open",
    held: true,
    alike: false,
    join: 7,
    facts: { hostname: "oak" },
    agentVersion: "1",
    address: "192.0.2.1",
    firstSeenAtMs: 1,
    lastSeenAtMs: 2,
  };
  const by = { actor: "maja", actorKind: "user", actorId: null, address: "192.0.2.9" } as const;
  const news: Fact = { fact: "claims", no: 4, claimants: [claimant], chosenBy: null };
  const choice: Fact = { fact: "claims", no: 5, claimants: [{ ...claimant, standing: "chosen" }], chosenBy: by };
  await record([news, choice]);
  await record([news, choice]);
  expect((await loadHostAbout(server.db, host.hostId))?.claimants).toEqual([{ ...claimant, standing: "chosen" }]);
  expect(server.sqlite.prepare("SELECT action, actor, address, detail FROM audit_log").all()).toEqual([
    {
      action: "host.choose_machine",
      actor: "maja",
      address: "192.0.2.9",
      detail: JSON.stringify({ hostname: "oak", from: "192.0.2.1", join: 7 }),
    },
  ]);
});

test("a verdict that meets an edit of the host's schedules is decided anew, and told once", async () => {
  const input: ScheduleInput = {
    kind: "backup",
    name: "Hourly",
    repositoryId: host.repositoryId,
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
    retention: null,
  };
  const edit = { hostId: host.hostId, scheduleId: host.scheduleId, version: 1, input, confirmPlan: null };
  const audit = {
    actor: "owner",
    actorKind: "user" as const,
    actorId: null,
    action: "schedule.edit",
    targetKind: "schedule",
    targetId: host.scheduleId,
    address: "",
  };
  const at = { nowMs: server.nowMs(), random: server.runtime.random };
  let edits = 0;
  const meddled = new Proxy(server.db, {
    get(db, name) {
      if (name !== "batch") return Reflect.get(db, name) as unknown;
      return async (statements: Parameters<typeof db.batch>[0]) => {
        const answers = await db.batch(statements);
        if (edits++ === 0) expect(await recordScheduleEdited(db, edit, audit, at)).toBe("done");
        return answers;
      };
    },
  });
  const messages = await recordFacts(meddled, host.hostId, [finished(1, "succeeded")], at);
  expect(messages.map((message) => message.type)).toEqual(["hostChanged", "jobChanged"]);
  expect(edits).toBe(4);
  expect(hostRow()).toMatchObject({ last_backup_job: jobId, next_due_at: server.nowMs() + 3600_000 });
});

test("a host's own policy is known as its latest hello tells it", async () => {
  const hello = (no: number, policy: HostPolicy | null): PresenceFact => {
    const fact = presence(no, true);
    return { ...fact, about: { ...fact.about!, policy } };
  };
  const policy: HostPolicy = {
    allowHooks: "named",
    hooks: ["dump-db"],
    allowPaths: null,
    denyPaths: ["/etc"],
    allowRestore: "none",
    restoreRoots: [],
    allowPrune: false,
    keepAtLeast: 3,
    maxShare: 0.5,
    allowRepositories: "first",
  };
  await record([hello(1, policy), presence(2, false)]);
  expect(await loadHostAbout(server.db, host.hostId)).toMatchObject({ policy });
  await record([hello(3, null)]);
  expect(await loadHostAbout(server.db, host.hostId)).not.toHaveProperty("policy");
});

test("what a host refuses is known until its next word, and stays through a hello of the same version", async () => {
  const refused = [{ id: host.scheduleId, code: "schedule.invalid" as const, message: "cron: nonsense" }];
  const applied = (no: number, version: number, list: Extract<Fact, { fact: "applied" }>["refused"]): Fact => ({
    fact: "applied",
    no,
    what: "schedule",
    version,
    refused: list,
  });
  const known = () => JSON.parse(hostRow()["refused_schedules"] as string) as unknown;
  await record([applied(1, 1, refused), presence(2, true)]);
  expect(known()).toEqual(refused);
  await record([applied(3, 1, [])]);
  await record([applied(1, 1, refused)]);
  expect(known()).toEqual([]);
  await record([applied(4, 2, refused), applied(5, 3, null)]);
  expect(known()).toEqual([]);
  expect(hostRow()).toMatchObject({ applied_schedule_version: 3 });
});

test("a first listing of a long history arrives whole", async () => {
  const facts = Array.from({ length: 500 }, (_, i) => snapshot(i + 1, 100));
  for (let i = 0; i < facts.length; i += 30) await record(facts.slice(i, i + 30));
  expect(hostRow()).toMatchObject({ snapshot_count: 500 });
});

/** A plausible history of one host, in the order its relay keeps it. */
const history = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("presence" as const), online: fc.boolean() }),
    fc.record({
      kind: fc.constant("job" as const),
      states: fc.constantFrom(
        ["running", "succeeded"],
        ["running", "unknown", "failed"],
        ["succeeded"],
        ["running", "cancelled"],
        ["running", "unknown"],
      ),
      warnings: fc.nat(1),
      /** Hours after the step before. */
      hours: fc.nat(30),
      kindOf: fc.constantFrom("backup" as const, "check" as const),
    }),
    fc.record({ kind: fc.constant("snapshot" as const), n: fc.integer({ min: 1, max: 8 }) }),
    fc.record({ kind: fc.constant("listed" as const), keep: fc.array(fc.integer({ min: 1, max: 8 })) }),
    fc.record({ kind: fc.constant("applied" as const), version: fc.nat(3), told: fc.boolean() }),
  ),
  { minLength: 1, maxLength: 12 },
);

test("whatever is repeated late, in whatever batches, the rows end the same", async () => {
  const checkId = "00000000-0000-7000-8001-000000000001";
  server.sqlite
    .prepare(
      `INSERT INTO schedules (id, host_id, repository_id, name, kind, manual, cron, time_zone, paths, created_at, updated_at)
       VALUES (?, ?, ?, 'check', 'check', 0, '0 1 * * *', 'UTC', '[]', 0, 0)`,
    )
    .run(checkId, host.hostId, host.repositoryId);
  server.sqlite
    .prepare("UPDATE schedules SET manual = 0, cron = '0 * * * *', time_zone = 'UTC', retention = ? WHERE id = ?")
    .run('{"keep":{"last":3},"when":"after_backup"}', host.scheduleId);
  const fresh = hostRow();
  const restore = server.sqlite.prepare(
    `UPDATE hosts SET ${Object.keys(fresh)
      .map((name) => `${name} = @${name}`)
      .join(", ")}`,
  );
  const rowsAfter = async (batches: Fact[][]) => {
    server.sqlite.exec("DELETE FROM jobs; DELETE FROM snapshots; DELETE FROM job_hours; DELETE FROM host_days");
    server.sqlite.exec("UPDATE repositories SET listed_at = NULL, last_check = NULL");
    server.sqlite.exec("UPDATE schedules SET fires_at = NULL");
    restore.run(fresh);
    for (const batch of batches) await record(batch);
    return ["hosts", "host_counts", "host_days", "jobs", "snapshots", "repositories", "schedules", "job_hours"].map(
      (table) => server.sqlite.prepare(`SELECT * FROM ${table}`).all(),
    );
  };
  const cut = (facts: Fact[], sizes: number[]) => {
    const batches: Fact[][] = [];
    for (let i = 0, k = 0; i < facts.length; k++) batches.push(facts.slice(i, (i += sizes[k % sizes.length]!)));
    return batches;
  };
  await fc.assert(
    fc.asyncProperty(
      history,
      fc.array(fc.tuple(fc.nat(40), fc.nat(40)), { maxLength: 20 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 5 }),
      async (steps, repeats, sizes) => {
        const facts: Fact[] = [];
        let atMs = server.nowMs();
        steps.forEach((step, i) => {
          atMs += 10;
          if (step.kind === "presence") facts.push({ ...presence(i + 1, step.online), atMs });
          else if (step.kind === "applied")
            facts.push({
              fact: "applied",
              no: i + 1,
              what: "config",
              version: step.version,
              refused: step.told ? [{ id: host.repositoryId, code: "policy.forbidden" }] : null,
            });
          else if (step.kind === "snapshot") facts.push(snapshot(step.n, atMs));
          else if (step.kind === "listed")
            facts.push({
              fact: "snapshotsListed",
              repositoryId: host.repositoryId,
              fromMs: 0,
              toMs: 6000,
              ids: step.keep.map((n) => snapshot(n, 0).snapshot.id),
              atMs,
            });
          else {
            atMs += step.hours * 3600_000;
            const id = `00000000-0000-7000-8000-${String(i).padStart(12, "0")}`;
            step.states.forEach((state, no) =>
              facts.push({
                ...(state === "running" || state === "unknown"
                  ? job({ state, factNo: no + 1 })
                  : finished(no + 1, state as "failed", { warnings: step.warnings })),
                jobId: id,
                kind: step.kindOf,
                scheduleId: step.kindOf === "backup" ? host.scheduleId : checkId,
                startedAtMs: atMs,
                ...(state === "running" || state === "unknown" ? {} : { finishedAtMs: atMs }),
                receivedAtMs: atMs,
                createdAtMs: atMs,
              }),
            );
          }
        });
        const noisy = [...facts];
        // A late write is a repeat of something that was written before.
        for (const [what, where] of repeats) {
          const at = where % (noisy.length + 1);
          const from = noisy[what % noisy.length]!;
          if (noisy.indexOf(from) < at) noisy.splice(at, 0, from);
        }
        expect(await rowsAfter(cut(noisy, sizes))).toEqual(await rowsAfter([facts]));
      },
    ),
    { numRuns: Number(process.env["RM_PROPERTY_RUNS"] ?? 150) },
  );
});
