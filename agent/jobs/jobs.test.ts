import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { fail, ok } from "../../protocol/failure.ts";
import type { BackupSpec, JobSpec, ServerMessage, WireRepository } from "../../protocol/wire.ts";
import { removeFolder, temporaryFolder } from "../../tests/support/folders.ts";
import { waitFor } from "../../tests/support/process.ts";
import { SpoolBudget } from "../link/spool/budget.ts";
import { linux } from "../platform/linux.ts";
import type { Platform } from "../platform/platform.ts";
import { HostRules } from "../policy/host-rules.ts";
import { RepositoryPin } from "../policy/repository-pin.ts";
import { ResticFinder } from "../restic/find.ts";
import type { Fire } from "../schedule/scheduler.ts";
import type { Vault } from "../vault/vault.ts";
import { Jobs } from "./jobs.ts";
import { Journal } from "./journal.ts";

const id = (n: number) => `0198c2f0-79b0-7000-8000-${String(n).padStart(12, "0")}`;
const ct = "c2VhbGVk";
const sealed = { v: 1, recipient: "host", ephemeral: "A".repeat(43), nonce: "A".repeat(32), ct } as const;

let folder: string;
let journal: Journal;
let jobs: Jobs;
let linked: boolean;
let platform: Platform;

/** Jobs of a host whose policy cannot be read, so that each ends as soon as it may start. */
beforeEach(() => {
  folder = temporaryFolder("jobs");
  linked = false;
  platform = { ...linux };
  journal = Journal.open({
    directory: join(folder, "jobs"),
    budget: new SpoolBudget(),
    nowMs: () => 1000,
    after: () => () => {},
    onKept: () => {},
    onTrouble: (why) => {
      throw new Error(why ?? "");
    },
  });
  const policy = () => fail("policy.unreadable", "mend it");
  jobs = new Jobs({
    journal,
    host: {
      finder: new ResticFinder(null, linux),
      vault: {} as Vault,
      platform,
      hostname: "host",
      ownEnv: {},
      cacheDirectory: folder,
      runDirectory: folder,
      rotationFile: join(folder, "checks.json"),
      ownSecrets: [],
      policy,
      nowMs: () => 1000,
    },
    rules: new HostRules({
      policy,
      pin: new RepositoryPin(join(folder, "repositories.json")),
      command: { configDirectory: null, stateDirectory: null },
      openHooks: () => fail("hook.failed", "none"),
      addressOf: () => ok("/srv/restic"),
    }),
    hooksFolder: folder,
    log: { info() {}, warn() {} },
    isLinked: () => linked,
    onProgress() {},
  });
});
afterEach(async () => {
  await jobs.stop();
  removeFolder(folder);
});

const backup = (schedule: number): BackupSpec => ({
  kind: "backup",
  repositoryId: id(1),
  scheduleId: id(schedule),
  paths: ["/srv"],
  excludes: [],
  tags: [],
  createRepository: false,
  verbose: false,
  limits: {},
});
const fire = (job: number, schedule: number, nominalMs = 0): Fire => ({
  jobId: id(job),
  spec: backup(schedule),
  scheduleId: id(schedule),
  nominalMs,
  scheduleVersion: 3,
  missed: 2,
});
const start = (job: number, spec: JobSpec, lent?: WireRepository): Extract<ServerMessage, { type: "job.start" }> => ({
  type: "job.start",
  jobId: id(job),
  spec,
  notAfterMs: 2000,
  ...(lent ? { lent } : {}),
});
const queued = () => journal.jobs().flatMap(({ entry }) => (entry.state === "queued" ? [entry.jobId] : []));
const verdicts = () =>
  journal.jobs().map(({ entry, spool }) => {
    const last = JSON.parse(spool.read(spool.tail, { bytes: 1e6, records: 1 })!.records[0]!) as {
      type: string;
      failure?: { code: string };
    };
    return [entry.jobId, last.failure?.code ?? last.type];
  });

test("a fire is kept with its nominal time before it is answered, and its repeat makes no second job", () => {
  expect(jobs.fire(fire(7, 2, 60_000))).toBe("settled");
  const accepted = journal.get(id(7))!.spool.read(1, { bytes: 1e6, records: 1 })!.records[0]!;
  expect(JSON.parse(accepted)).toEqual({
    type: "accepted",
    atMs: 1000,
    kind: "backup",
    source: "schedule",
    repositoryId: id(1),
    scheduleId: id(2),
    nominalMs: 60_000,
    scheduleVersion: 3,
    missed: 2,
  });
  expect(existsSync(join(folder, "jobs", id(7), "job.json"))).toBe(true);
  expect(jobs.fire(fire(7, 2, 60_000))).toBe("settled");
  jobs.start(start(7, backup(2)), 1000);
  expect(queued()).toEqual([id(7)]);
});

test("a fire and a click on the same waiting schedule are one job, whichever came first", () => {
  jobs.start(start(5, backup(2)), 1000);
  expect(jobs.fire(fire(7, 2))).toBe("settled");
  expect(queued()).toEqual([id(5)]);
  jobs.fire(fire(8, 3));
  jobs.start(start(6, backup(3)), 1000);
  expect(queued()).toEqual([id(5), id(8)]);
  expect(verdicts()).toContainEqual([id(6), "job.conflict"]);
});

test("no job runs, asked for or fired, while the policy cannot be read, and each says so", async () => {
  jobs.fire(fire(7, 2));
  jobs.start(start(5, { kind: "stats", repositoryId: id(4) }), 1000);
  await jobs.recover();
  await waitFor("the verdicts", () => journal.jobs().every(({ entry }) => entry.state === "finished"));
  expect(verdicts()).toEqual([
    [id(7), "policy.unreadable"],
    [id(5), "policy.unreadable"],
  ]);
});

test("a lent credential stays sealed in the job's own file, and leaves with the verdict", async () => {
  const lent: WireRepository = {
    repositoryId: id(1),
    address: "rest:https://admin/a",
    purpose: "admin",
    sealed,
    version: 1,
    jobId: id(5),
    notAfterMs: 2000,
  };
  jobs.start(start(5, { kind: "prune", repositoryId: id(1), limits: {} }, lent), 1000);
  const file = join(folder, "jobs", id(5), "job.json");
  expect(readFileSync(file, "utf8")).toContain(ct);
  await jobs.recover();
  await waitFor("the verdict", () => journal.get(id(5))?.entry.state === "finished");
  expect(readFileSync(file, "utf8")).not.toContain(ct);
});

test(
  "with the server gone for weeks the host goes on firing, and a hello lists only what the server may know of",
  { timeout: 60_000 },
  () => {
    for (let n = 100; n < 610; n++) expect(jobs.fire(fire(n, n))).toBe("settled");
    expect(queued()).toHaveLength(510);
    expect(journal.hello()).toEqual([]);
    // The link is back: what is asked for now, and what fires now, can be told at once.
    linked = true;
    jobs.start(start(5, backup(2)), 1000);
    jobs.fire(fire(6, 3));
    expect(journal.hello().map(({ jobId }) => jobId)).toEqual([id(5), id(6)]);
    for (let listed = 2; listed < 400; listed++) expect(journal.listNext()).toBe(true);
    expect(journal.listNext()).toBe(false);
    jobs.fire(fire(7, 4));
    expect(journal.hello().map(({ jobId }) => jobId)).not.toContain(id(7));
    // What the server asks for finds room in the hello, up to its end; past it the server asks again later.
    for (let n = 1000; n < 1060; n++) jobs.start(start(n, { kind: "stats", repositoryId: id(4) }), 1000);
    for (let n = 2000; n < 2060; n++) jobs.cancel(id(n));
    expect(journal.hello()).toHaveLength(500);
    expect(journal.knows(id(1059))).toBe(true);
    expect(journal.knows(id(2059))).toBe(false);
  },
);

test("a job of a former agent that cannot be cleared up gets its verdict, and the next ones run", async () => {
  const entry = { jobId: id(5), acceptedAtMs: 1, state: "running", spec: null, child: null, lent: null } as const;
  journal.accept({ ...entry, serverMayKnow: true }, () => {});
  jobs.fire(fire(7, 2));
  platform.findOrphans = () => {
    throw new Error("no /proc");
  };
  await jobs.recover();
  await waitFor("the verdicts", () => journal.unfinished().length === 0);
  expect(verdicts()).toEqual([
    [id(5), "job.interrupted"],
    [id(7), "policy.unreadable"],
  ]);
});

test("what a former agent left holds up its own repository alone", async () => {
  const spec = { kind: "stats", repositoryId: id(4) } as const;
  const entry = { jobId: id(5), acceptedAtMs: 1, state: "running", spec, child: null, lent: null } as const;
  journal.accept({ ...entry, serverMayKnow: true }, () => {});
  jobs.fire(fire(7, 2));
  jobs.start(start(8, spec), 1000);
  let lives = true;
  // No process has this number: it is past what the kernel gives.
  platform.findOrphans = (jobId) => (lives && jobId === id(5) ? [2 ** 30] : []);
  const recovered = jobs.recover();
  await waitFor(
    "the job of the other repository",
    () => !journal.unfinished().some(({ entry: e }) => e.jobId === id(7)),
  );
  expect(journal.unfinished().map(({ entry: e }) => [e.jobId, e.state])).toEqual([
    [id(5), "running"],
    [id(8), "queued"],
  ]);
  lives = false;
  await recovered;
  await waitFor("the verdicts", () => journal.unfinished().length === 0);
  expect(verdicts()).toContainEqual([id(5), "job.interrupted"]);
});
