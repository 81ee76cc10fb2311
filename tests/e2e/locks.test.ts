import { readdirSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { JobSpec } from "../../protocol/wire.ts";
import { makeTestHost, type TestHost, type TestHostOptions } from "../support/agent-jobs.ts";
import { removeFolder, temporaryFolder } from "../support/folders.ts";
import { pidsWithEnvironment, runProcess, startProcess, waitFor, type Running } from "../support/process.ts";
import { makeSource } from "../support/product.ts";
import { resticBinary, resticVersions, runRestic } from "../support/restic.ts";

// A lock names its host: a restic with another name needs a UTS namespace of its own.
const canRename = (await runProcess("unshare", ["--uts", "hostname", "other-host"])).code === 0;

const cannotRename = "this system lets nobody make a UTS namespace, so no restic can hold a lock under another name";

/** Locks that real restics hold or left behind, met by the jobs of an agent. */
describe.each(resticVersions)("with restic %s", (version) => {
  const restic = resticBinary(version);
  const password = "a repository password";
  let folder: string;
  let source: string;
  let repository: { address: string; password: string };
  const hosts: TestHost[] = [];
  const holders: Running[] = [];

  beforeAll(async () => {
    folder = temporaryFolder("locks");
    source = makeSource(folder, 1, 2_000_000);
    repository = { address: join(folder, "repository"), password };
    const host = makeHost();
    expect((await host.backUp([source])).verdict).toMatchObject({ outcome: "succeeded" });
  });
  afterEach(async () => {
    for (const holder of holders.splice(0)) await holder.kill();
    for (const host of hosts.splice(0)) host.remove();
    expect((await runRestic(restic, repository, ["unlock", "--remove-all"])).code).toBe(0);
  });
  afterAll(() => removeFolder(folder));

  function makeHost(options: Partial<TestHostOptions> = {}): TestHost {
    const host = makeTestHost({ restic, repository, ...options });
    hosts.push(host);
    return host;
  }
  /** Without those still being written, which restic does under another name. */
  const locks = () => readdirSync(join(repository.address, "locks")).filter((name) => /^[0-9a-f]{64}$/.test(name));

  /** A restic so slow that it holds its lock for minutes; `as` is the name it runs under. */
  async function holdLock(command: string[], as: string | null = null): Promise<Running> {
    const before = locks().length;
    const slow = [restic, ...command, "--no-cache", "--limit-download=5", "--limit-upload=5"];
    const renamed = ["--uts", "sh", "-c", 'hostname "$0" && exec "$@"', as ?? "", ...slow];
    const env = { RESTIC_REPOSITORY: repository.address, RESTIC_PASSWORD: password };
    const holder =
      as === null ? startProcess(slow[0]!, slow.slice(1), { env }) : startProcess("unshare", renamed, { env });
    holders.push(holder);
    await waitFor("the lock", () => locks().length > before);
    return holder;
  }
  const exclusively = ["check", "--read-data"];
  const check = (host: TestHost): JobSpec => ({
    kind: "check",
    repositoryId: host.repositoryId,
    readData: { mode: "none" },
    limits: {},
  });

  test("a backup killed in the middle leaves a lock, and the next run that needs it gone heals it by itself", async () => {
    const big = makeSource(temporaryFolder("big"), 1, 5_000_000);
    const holder = await holdLock(["backup", big]);
    await holder.kill();
    expect(locks()).toHaveLength(1);
    const host = makeHost();
    // Backups share the repository, so this lock does not even stop one.
    expect((await host.backUp([source])).verdict).toMatchObject({ outcome: "succeeded" });
    const run = await host.run(check(host));
    expect(run.verdict).toMatchObject({ outcome: "succeeded" });
    expect(run.log).toContain(`A lock was left behind by ${hostname()}, process ${holder.pid}, since `);
    expect(run.phases).not.toContain("lock");
    expect(locks()).toHaveLength(0);
  });

  test("an exclusive lock of a killed restic does not stop the next backup", async () => {
    const holder = await holdLock(exclusively);
    await holder.kill();
    const host = makeHost();
    const run = await host.backUp([source]);
    expect(run.verdict).toMatchObject({ outcome: "succeeded" });
    expect(run.log).toContain("A lock was left behind");
    expect(locks()).toHaveLength(0);
  });

  test("a live lock of another host is waited for, in a phase of its own, and named", async ({ skip }) => {
    skip(!canRename, cannotRename);
    const holder = await holdLock(exclusively, "other-host");
    const host = makeHost();
    const job = host.start({
      kind: "backup",
      repositoryId: host.repositoryId,
      scheduleId: host.scheduleId,
      paths: [source],
      excludes: [],
      tags: [],
      createRepository: true,
      verbose: false,
      limits: {},
    });
    const waiting = await waitFor("the job to wait", () =>
      job.records.find((record) => record.type === "logged" && record.text.startsWith("Waiting for the lock")),
    );
    const since = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC`;
    expect((waiting as { text: string }).text).toMatch(
      new RegExp(`^Waiting for the lock of other-host, process ${holder.pid}, since ${since}$`),
    );
    expect(locks()).toHaveLength(1);
    // A rate this slow keeps restic from hearing SIGINT; the other host is done once its lock is gone.
    await holder.kill();
    await runRestic(restic, repository, ["unlock", "--remove-all"]);
    const run = await job.ended;
    expect(run.verdict).toMatchObject({ outcome: "succeeded" });
    expect(run.phases.indexOf("lock")).toBeLessThan(run.phases.indexOf("scan"));
    expect(locks()).toHaveLength(0);
  });

  test("a lock that stays too long fails the job with its holder's name and since when", async ({ skip }) => {
    skip(!canRename, cannotRename);
    const holder = await holdLock(exclusively, "other-host");
    const host = makeHost({ lockWaitMs: 1000 });
    const run = await host.run(check(host));
    expect(run.verdict).toMatchObject({ outcome: "failed", failure: { code: "repository.locked", retry: true } });
    expect(run.verdict!.failure!.message).toMatch(
      new RegExp(`^The repository is locked: held by other-host, process ${holder.pid}, since 20`),
    );
    expect(locks()).toHaveLength(1);
  });

  test("a job that waits for a lock ends at once when it is stopped, and leaves no lock of its own", async () => {
    await holdLock(exclusively);
    const host = makeHost({ lockPollMs: 60_000 });
    const job = host.start(check(host));
    await waitFor("the job to wait", () => job.records.some((one) => one.type === "phased" && one.phase === "lock"));
    job.stop();
    expect((await job.ended).verdict).toBeNull();
    expect(locks()).toHaveLength(1);
  });

  test("a check that is cancelled leaves no lock and no process", async () => {
    const host = makeHost();
    const everything = { mode: "percent", percent: 100 } as const;
    const job = host.start({ ...check(host), readData: everything, limits: { downloadKiBs: 5 } } as JobSpec);
    await waitFor("the lock", () => locks().length > 0);
    job.stop();
    expect((await job.ended).verdict).toBeNull();
    expect(locks()).toHaveLength(0);
    expect(pidsWithEnvironment("RM_JOB_ID", job.jobId)).toEqual([]);
  });

  test("unlock leaves a live lock alone and names it; it goes only when all were asked for", async () => {
    const holder = await holdLock(exclusively);
    const host = makeHost();
    const unlock = (removeAll: boolean) => host.run({ kind: "unlock", repositoryId: host.repositoryId, removeAll });
    const plain = await unlock(false);
    expect(plain.verdict).toMatchObject({ outcome: "succeeded", result: { kind: "unlock", locksLeft: 1 } });
    expect(plain.log).toContain(`Still locked by ${hostname()}, process ${holder.pid}, since `);
    expect(plain.records).toContainEqual(
      expect.objectContaining({ type: "measured", locks: [expect.objectContaining({ pid: holder.pid })] }),
    );
    // Measuring goes on under it.
    const stats = await host.run({ kind: "stats", repositoryId: host.repositoryId });
    expect(stats.verdict).toMatchObject({ outcome: "succeeded" });
    const all = await unlock(true);
    expect(all.verdict).toMatchObject({ outcome: "succeeded", result: { kind: "unlock", locksLeft: 0 } });
    expect(locks()).toHaveLength(0);
  });
});
