import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { CheckSpec, ForgetSpec, JobRecord, JobSpec } from "../../protocol/wire.ts";
import { makeTestHost, type JobRun, type TestHost, type TestHostOptions } from "../support/agent-jobs.ts";
import { removeFolder, temporaryFolder } from "../support/folders.ts";
import { makeSource } from "../support/product.ts";
import { startRestServer, type RestServer } from "../support/rest-server.ts";
import { listSnapshots, resticBinary, resticVersions, runRestic } from "../support/restic.ts";

/** What an agent does with a repository beyond backing up, with each real restic: runJob, without a link. */
describe.each(resticVersions)("with restic %s", (version) => {
  const restic = resticBinary(version);
  const password = "a repository password";
  let folder: string;
  const hosts: TestHost[] = [];

  beforeAll(() => {
    folder = temporaryFolder("care");
  });
  afterEach(() => {
    for (const host of hosts.splice(0)) host.remove();
  });
  afterAll(() => removeFolder(folder));

  function makeHost(options: Partial<TestHostOptions> & { address: string }): TestHost {
    const host = makeTestHost({ restic, repository: { address: options.address, password }, ...options });
    hosts.push(host);
    return host;
  }

  /** So many snapshots that carry the marks of this host's schedule, each of a source that changed; oldest first. */
  async function makeSnapshots(host: TestHost, count: number, scheduleId = host.scheduleId): Promise<string[]> {
    const ids: string[] = [];
    for (let i = 0; i < count; i++) {
      const argv = ["backup", "--json", `--host=${host.host.hostname}`, `--tag=rm:schedule:${scheduleId}`];
      const made = await runRestic(restic, host.repository, [...argv, "--", makeSource(folder, 1, 200_000)]);
      expect(made).toMatchObject({ code: 0 });
      const summary = JSON.parse(made.stdout.trim().split("\n").at(-1)!) as { snapshot_id: string };
      ids.push(summary.snapshot_id);
    }
    const listed = (await listSnapshots(restic, host.repository)).map(({ id }) => id);
    // restic 0.14 names a snapshot by its first 8 digits.
    return ids.map((short) => listed.find((id) => id.startsWith(short))!);
  }
  async function makeRepository(host: TestHost): Promise<void> {
    const made = await host.run({ kind: "init", repositoryId: host.repositoryId });
    expect(made.verdict).toMatchObject({ outcome: "succeeded" });
  }
  const forgetSpec = (host: TestHost, snapshotIds: string[]): ForgetSpec => ({
    kind: "forget",
    repositoryId: host.repositoryId,
    scheduleId: host.scheduleId,
    snapshotIds,
  });
  const checkSpec = (host: TestHost, readData: CheckSpec["readData"]): CheckSpec => ({
    kind: "check",
    repositoryId: host.repositoryId,
    readData,
    limits: {},
  });
  const bare = (host: TestHost, kind: "stats" | "snapshots"): JobSpec => ({ kind, repositoryId: host.repositoryId });
  const pruneSpec = (host: TestHost): JobSpec => ({ kind: "prune", repositoryId: host.repositoryId, limits: {} });

  test("check finds a deliberately damaged pack and a missing one, and says so in plain words", async () => {
    const address = join(folder, "damaged");
    const host = makeHost({ address });
    await makeRepository(host);
    await makeSnapshots(host, 2);
    const all = { mode: "percent", percent: 100 } as const;
    const good = await host.run(checkSpec(host, all));
    expect(good.verdict).toMatchObject({ outcome: "succeeded", result: { kind: "check", errors: 0, read: "all" } });
    expect(good.log).toContain("No errors were found; all stored data was read");

    const [broken, lost] = dataPacks(address);
    flipByte(broken!.path);
    const flipped = await host.run(checkSpec(host, all));
    expect(flipped.verdict).toMatchObject({
      outcome: "failed",
      failure: { code: "repository.damaged" },
      result: { kind: "check", errors: 1 },
    });
    expect(flipped.verdict!.failure!.message).toMatch(
      new RegExp(`^The repository is damaged: pack ${broken!.id} holds other bytes than were written\\. Files whose`),
    );
    expect(flipped.verdict!.failure!.message).toContain(`restic repair packs ${broken!.id}`);
    expect(flipped.verdict!.lastError).toContain("repository contains errors");

    rmSync(lost!.path);
    const missing = await host.run(checkSpec(host, { mode: "none" }));
    expect(missing.verdict!.failure!.message).toContain(`pack ${lost!.id} is missing from the storage`);
    expect(missing.verdict).toMatchObject({ result: { kind: "check", errors: 1, read: "none" } });
  });

  test("a rotating check reads each part once, and a stopped one is read again", async () => {
    const host = makeHost({ address: join(folder, "rotated") });
    await makeRepository(host);
    const spec = checkSpec(host, { mode: "rotate", of: 3 });
    const read = async () => ((await host.run(spec)).verdict?.result as { read: string } | undefined)?.read;
    expect(await read()).toBe("1/3");
    const stopped = host.start(spec);
    stopped.stop();
    expect((await stopped.ended).verdict).toBeNull();
    expect([await read(), await read(), await read()]).toEqual(["2/3", "3/3", "1/3"]);
  });

  test("forget removes what it was told and proves it; what is gone already is no trouble", async () => {
    const address = join(folder, "forgotten");
    const host = makeHost({ address });
    await makeRepository(host);
    const ids = await makeSnapshots(host, 6);
    const first = await host.run(forgetSpec(host, ids.slice(0, 2)));
    expect(first.verdict).toMatchObject({ outcome: "succeeded", result: { kind: "forget", removed: 2, kept: 4 } });
    expect(listedIds(first)).toEqual(new Set(ids.slice(2)));
    const again = await host.run(forgetSpec(host, ids.slice(0, 3)));
    expect(again.verdict).toMatchObject({ outcome: "succeeded", result: { removed: 1, kept: 3 } });
    expect(again.log).toContain("2 snapshots of the plan had left the repository already");
    expect((await snapshotIds(address)).toSorted()).toEqual(ids.slice(3).toSorted());
    const nothing = await host.run(forgetSpec(host, ids.slice(0, 3)));
    expect(nothing.verdict).toMatchObject({ outcome: "succeeded", result: { removed: 0, kept: 3 } });
  });

  test("a hostile server cannot make a host forget another's snapshots, its newest, or more than its policy allows", async () => {
    const address = join(folder, "hostile");
    const host = makeHost({ address });
    const other = makeHost({ address, hostname: "other-host" });
    await makeRepository(host);
    const mine = await makeSnapshots(host, 4);
    const otherSchedule = await makeSnapshots(host, 1, other.scheduleId);
    const otherHost = await makeSnapshots(other, 1, host.scheduleId);
    const all = await snapshotIds(address);

    for (const foreign of [...otherSchedule, ...otherHost]) {
      const run = await host.run(forgetSpec(host, [mine[0]!, foreign]));
      expect(run.verdict).toMatchObject({ outcome: "failed", failure: { code: "forget.refused" } });
      expect(run.verdict!.failure!.message).toContain(foreign);
      expect(listedIds(run)).toEqual(new Set(all));
    }
    const newest = await host.run(forgetSpec(host, [mine[3]!]));
    expect(newest.verdict).toMatchObject({ failure: { code: "forget.refused" } });
    expect(newest.verdict!.failure!.message).toContain("is the newest of this schedule");
    const tooMany = await host.run(forgetSpec(host, mine.slice(0, 2)));
    expect(tooMany.verdict).toMatchObject({ failure: { code: "policy.forbidden" } });
    expect(tooMany.verdict!.failure!.message).toMatch(/sudo restic-manager-agent policy set keep_at_least 2$/);
    const share = makeHost({ address, policy: { keepAtLeast: 1 } });
    const sharedSchedule = { ...forgetSpec(host, mine.slice(0, 3)), repositoryId: share.repositoryId };
    expect((await share.run(sharedSchedule)).verdict!.failure!.message).toContain("max_share 0.75");
    expect((await snapshotIds(address)).toSorted()).toEqual(all.toSorted());
  });

  test("stats measures the repository without a lock", async () => {
    const address = join(folder, "measured");
    const host = makeHost({ address });
    await makeRepository(host);
    await makeSnapshots(host, 2);
    const run = await host.run(bare(host, "stats"));
    expect(run.verdict).toMatchObject({ outcome: "succeeded" });
    const [measured] = measurements(run);
    expect(measured).toMatchObject({ snapshots: 2, locks: [] });
    expect(measured!.storedBytes).toBeGreaterThan(400_000);
    expect(measured!.restoreBytes).toBe(400_000);
    expect(measured!.appendOnly).toBeUndefined();
    expect(measured!.uncompressedBytes === undefined).toBe(version === "0.14.0");
  });

  describe("behind an append-only rest-server and one that may delete", () => {
    const server = version === "newest" ? "newest" : "0.13.0";
    const writer = { username: "writer", password: "a writer's login" };
    const admin = { username: "admin", password: "an administrator's login" };
    let appendOnly: RestServer;
    let deleting: RestServer;
    beforeAll(async () => {
      appendOnly = await startRestServer({ version: server, login: writer, appendOnly: true });
      deleting = await startRestServer({ version: server, login: admin, folder: appendOnly.folder });
    });
    afterAll(async () => {
      await deleting?.stop();
      await appendOnly?.stop();
    });
    const access = (of: RestServer, login: typeof admin) => ({
      address: `rest:${of.url}repository/`,
      password,
      env: { RESTIC_REST_USERNAME: login.username, RESTIC_REST_PASSWORD: login.password },
    });

    test("prune and forget are refused by the server, and work with the second credential", async () => {
      const lent = access(deleting, admin);
      const host = makeHost({ address: "", repository: access(appendOnly, writer) });
      const ids: string[] = [];
      for (let i = 0; i < 4; i++) {
        const { verdict } = await host.backUp([makeSource(folder, 1, 200_000)]);
        ids.push(verdict!.summary!.snapshotId!);
      }
      const stats = await host.run(bare(host, "stats"));
      expect(measurements(stats)).toMatchObject([{ appendOnly: true, snapshots: 4 }]);

      const refused = await host.run(forgetSpec(host, [ids[0]!]));
      expect(refused.verdict).toMatchObject({ outcome: "failed", failure: { code: "repository.append_only" } });
      expect(refused.verdict!.lastError).toMatch(/^Remove\(<snapshot\/.*403/);
      expect(measurements(refused)).toMatchObject([{ appendOnly: true }]);
      expect(listedIds(refused)).toEqual(new Set(ids));

      const forgotten = await host.run(forgetSpec(host, [ids[0]!]), lent);
      expect(forgotten.verdict).toMatchObject({ outcome: "succeeded", result: { removed: 1, kept: 3 } });
      const unpruned = await host.run(pruneSpec(host));
      expect(unpruned.verdict).toMatchObject({ outcome: "failed", failure: { code: "repository.append_only" } });
      const pruned = await host.run(pruneSpec(host), lent);
      expect(pruned.verdict).toMatchObject({ outcome: "succeeded", result: { kind: "prune" } });
      expect((pruned.verdict!.result as { freedBytes: number }).freedBytes).toBeGreaterThan(200_000);
      expect(pruned.log + refused.log).not.toContain(admin.password);
      expect(await dataBytes(join(appendOnly.folder, "repository"))).toBeLessThan(700_000);
      const good = await host.run(checkSpec(host, { mode: "percent", percent: 100 }));
      expect(good.verdict).toMatchObject({ outcome: "succeeded" });

      const other = makeHost({ address: "", repository: lent });
      expect(measurements(await other.run(bare(other, "stats")))).toMatchObject([{ appendOnly: false }]);
    });
  });

  async function snapshotIds(address: string): Promise<string[]> {
    return (await listSnapshots(restic, { address, password })).map(({ id }) => id);
  }
});

function measurements(run: JobRun): Extract<JobRecord, { type: "measured" }>[] {
  return run.records.filter((record) => record.type === "measured");
}
function listedIds(run: JobRun): Set<string> {
  return new Set(run.records.flatMap((record) => (record.type === "listed" ? record.ids : [])));
}

/** The packs of a local repository that hold file data, biggest first. */
function dataPacks(repository: string): { id: string; path: string }[] {
  const names = readdirSync(join(repository, "data"), { recursive: true, encoding: "utf8" });
  return names
    .filter((name) => /[0-9a-f]{64}$/.test(name))
    .map((name) => ({ id: name.slice(-64), path: join(repository, "data", name) }))
    .toSorted((a, b) => statSync(b.path).size - statSync(a.path).size);
}
async function dataBytes(repository: string): Promise<number> {
  return dataPacks(repository).reduce((sum, { path }) => sum + statSync(path).size, 0);
}
function flipByte(path: string): void {
  const bytes = readFileSync(path);
  const middle = bytes.length >> 1;
  bytes[middle] = bytes[middle]! ^ 0xff;
  rmSync(path);
  writeFileSync(path, bytes, { mode: 0o400 });
}
