import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { uuidv7 } from "../core/ids.ts";
import type { BackupSpec, JobRecord } from "../protocol/wire.ts";
import { startFakeRelay, type FakeRelay } from "../tests/support/fake-relay.ts";
import { removeFolder, temporaryFolder } from "../tests/support/folders.ts";
import {
  nodeBinary,
  pidsWithEnvironment,
  runProcess,
  startProcess,
  waitFor,
  type Running,
} from "../tests/support/process.ts";
import { listSnapshots, resticBinary, runRestic } from "../tests/support/restic.ts";

const main = fileURLToPath(new URL("main.ts", import.meta.url));
const random = (count: number) => new Uint8Array(randomBytes(count));
const password = "canary-password-41c7";
const restic = resticBinary("0.18.0");

/** The agent as a process, against a fake server and a real restic: what no part can prove alone. */
describe("an agent", { timeout: 120_000 }, () => {
  let folder: string;
  let source: string;
  let relay: FakeRelay;
  let agent: Running | null;
  let repositoryId: string;
  let repository: string;

  const dirs = () => ["--config-dir", join(folder, "config"), "--state-dir", join(folder, "state")];
  const env = (binary = restic) => ({ PATH: `${dirname(binary)}:/usr/bin:/bin`, HOME: folder, LC_ALL: "C" });

  beforeAll(() => {
    source = join(temporaryFolder("agent-source"), "data");
    mkdirSync(source);
    for (let i = 0; i < 40; i++) writeFileSync(join(source, `file-${i}.bin`), randomBytes(100_000));
    writeFileSync(join(source, "skip-me.tmp"), "x");
  });
  afterAll(() => removeFolder(dirname(source)));
  beforeEach(async () => {
    folder = temporaryFolder("agent");
    repository = join(folder, "repository");
    repositoryId = uuidv7(Date.now(), random);
    relay = await startFakeRelay(random);
    const enrolled = await runProcess(nodeBinary, [main, "enroll", "--server", relay.origin, ...dirs()], {
      env: { ...env(), RM_TOKEN: "rmt_token" },
    });
    expect(enrolled).toMatchObject({ code: 0, stdout: `Enrolled as host ${relay.hostId} at ${relay.origin}.\n` });
  });
  afterEach(async () => {
    await agent?.stop(20_000);
    agent = null;
    await relay.stop();
    removeFolder(folder);
  });

  async function start(binary = restic): Promise<void> {
    agent = startProcess(nodeBinary, [main, "run", ...dirs()], { env: env(binary) });
    await Promise.race([
      relay.online(),
      agent.exited.then(() => Promise.reject(new Error(`the agent ended:\n${agent?.stderr()}`))),
    ]);
  }
  function backupSpec(more: Partial<BackupSpec> = {}): BackupSpec {
    return {
      kind: "backup",
      repositoryId,
      scheduleId: uuidv7(Date.now(), random),
      paths: [source],
      excludes: ["*.tmp"],
      tags: ["nightly"],
      createRepository: true,
      verbose: false,
      ...more,
    };
  }
  async function giveRepository(address = repository): Promise<void> {
    relay.setRepository(repositoryId, address, { password, env: {} });
    await waitFor("the credentials to be applied", () =>
      relay.messages.some((message) => message.type === "config.applied" && message.refused.length === 0),
    );
  }
  /** restic slowed by its own limit, so that there is a middle. */
  function slowRestic(): string {
    const path = join(folder, "slow", "restic");
    mkdirSync(dirname(path));
    writeFileSync(path, `#!/bin/sh\nexec ${restic} --limit-upload 800 "$@"\n`);
    chmodSync(path, 0o755);
    return path;
  }
  const texts = (jobId: string) =>
    relay.records(jobId).flatMap((record) => (record.type === "logged" ? [record.text] : []));
  const types = (jobId: string) => relay.records(jobId).map((record) => record.type);

  test("makes the repository, backs up, and reports the snapshot restic itself lists", async () => {
    await start();
    await giveRepository();
    const spec = backupSpec();
    const jobId = relay.startJob(spec);
    const verdict = await relay.finished(jobId);
    expect(verdict).toMatchObject({ outcome: "succeeded", resticVersion: "0.18.0", summary: { filesNew: 40 } });

    const [listed] = await listSnapshots(restic, { address: repository, password });
    const snapshot = relay.records(jobId).find((record) => record.type === "snapshot");
    expect(snapshot).toMatchObject({
      repositoryId,
      snapshot: { id: listed?.id, tags: ["nightly", `rm:schedule:${spec.scheduleId}`], paths: [source] },
    });
    expect(verdict.summary?.snapshotId).toBe(listed?.id);
    expect(types(jobId)[0]).toBe("accepted");
    expect(types(jobId).indexOf("started")).toBeLessThan(types(jobId).indexOf("logged"));
    expect(phasesOf(relay.records(jobId))).toEqual(["prepare", "init", "scan", "upload", "list"]);
    expect(texts(jobId).join("\n")).not.toContain("Fatal");

    const again = relay.startJob({ kind: "snapshots", repositoryId });
    expect(await relay.finished(again)).toMatchObject({ outcome: "succeeded" });
    expect(relay.records(again).filter((record) => record.type === "listed")).toMatchObject([
      { fromMs: 0, ids: [listed?.id] },
    ]);
    expect(relay.faults).toEqual([]);
    await agent?.stop();
    expectNoSecretOnDisk();
  });

  test("killed in mid-backup, it starts again, ends the orphan, unlocks and reports the job interrupted", async () => {
    await start(slowRestic());
    await giveRepository();
    const jobId = relay.startJob(backupSpec({ verbose: true }));
    await waitFor("the first file", () => texts(jobId).some((text) => text.startsWith("new ")));
    await agent?.kill();
    expect(pidsWithEnvironment("RM_JOB_ID", jobId)).not.toEqual([]);
    await start();
    expect(await relay.finished(jobId)).toMatchObject({ outcome: "failed", failure: { code: "job.interrupted" } });
    expect(pidsWithEnvironment("RM_JOB_ID", jobId)).toEqual([]);
    expect((await runRestic(restic, { address: repository, password }, ["list", "locks"])).stdout).toBe("");

    relay.startJob(backupSpec(), jobId);
    const next = relay.startJob(backupSpec());
    expect(await relay.finished(next)).toMatchObject({ outcome: "succeeded" });
    expect(types(jobId).filter((type) => type === "finished")).toHaveLength(1);
    expect(await listSnapshots(restic, { address: repository, password })).toHaveLength(1);
    expect(relay.faults).toEqual([]);
  });

  test("a cut line costs nothing: every record arrives once, in order", async () => {
    await start(slowRestic());
    await giveRepository();
    relay.silent = true;
    const jobId = relay.startJob(backupSpec({ verbose: true }));
    for (let cuts = 1; cuts <= 3; cuts++) {
      const seen = relay.records(jobId).length;
      await waitFor("more records", () => relay.records(jobId).length > seen);
      relay.cut();
      await waitFor("the agent to come back", () => relay.hellos.length > cuts);
    }
    relay.silent = false;
    expect(await relay.finished(jobId)).toMatchObject({ outcome: "succeeded" });
    const files = texts(jobId).filter((text) => text.startsWith("new "));
    expect(new Set(files).size).toBe(40);
    expect(files).toHaveLength(40);
    expect(relay.faults).toEqual([]);
    await waitFor("the job to leave the host", () => !existsSync(join(folder, "state/jobs", jobId)));
  });

  test("a cancelled backup ends without a snapshot and without a lock", async () => {
    await start(slowRestic());
    await giveRepository();
    const jobId = relay.startJob(backupSpec({ verbose: true }));
    await waitFor("the first file", () => texts(jobId).some((text) => text.startsWith("new ")));
    relay.send({ type: "job.cancel", jobId });
    expect(await relay.finished(jobId)).toMatchObject({ outcome: "cancelled" });
    expect(await listSnapshots(restic, { address: repository, password })).toEqual([]);
    expect((await runRestic(restic, { address: repository, password }, ["list", "locks"])).stdout).toBe("");
  });

  test("on SIGTERM it ends restic cleanly, says so, and exits 0; SIGHUP does nothing", async () => {
    await start(slowRestic());
    await giveRepository();
    const jobId = relay.startJob(backupSpec({ verbose: true }));
    await waitFor("the first file", () => texts(jobId).some((text) => text.startsWith("new ")));
    process.kill(agent!.pid, "SIGHUP");
    await agent!.waitForOutput(/SIGHUP/);
    process.kill(agent!.pid, "SIGTERM");
    expect(await agent!.exited).toEqual({ code: 0, signal: null });
    expect(await relay.finished(jobId)).toMatchObject({ outcome: "failed", failure: { code: "job.interrupted" } });
    expect((await runRestic(restic, { address: repository, password }, ["list", "locks"])).stdout).toBe("");
  });

  test("a cancel that overtakes its start leaves nothing to run", async () => {
    await start();
    await giveRepository();
    const jobId = uuidv7(Date.now(), random);
    relay.send({ type: "job.cancel", jobId });
    relay.startJob(backupSpec(), jobId);
    expect(await relay.finished(jobId)).toMatchObject({ outcome: "cancelled" });
    expect(types(jobId)).toEqual(["finished"]);
    expect(existsSync(repository)).toBe(false);
  });

  test("an order past its time is refused, and an unknown command is answered", async () => {
    await start();
    await giveRepository();
    const jobId = uuidv7(Date.now(), random);
    relay.send({ type: "job.start", jobId, spec: backupSpec(), notAfterMs: Date.now() - 1000 });
    expect(await relay.finished(jobId)).toMatchObject({ failure: { code: "job.expired" } });
    relay.send({ type: "job.explode", jobId } as never);
    await waitFor("the answer", () => relay.messages.some((message) => message.type === "unsupported"));
  });

  test("credentials for another host are refused, and a job without credentials says so", async () => {
    await start();
    const other = uuidv7(Date.now(), random);
    relay.setRepository(repositoryId, repository, { password, env: {} });
    relay.send({
      type: "config.update",
      version: 7,
      repositories: [
        {
          repositoryId: other,
          address: repository,
          purpose: "write",
          version: 7,
          sealed: { v: 1, recipient: "host", ephemeral: "A".repeat(43), nonce: "A".repeat(32), ct: "AAAA" },
        },
      ],
    });
    await waitFor("the refusal", () =>
      relay.messages.some((message) => message.type === "config.applied" && message.refused[0]?.id === other),
    );
    const jobId = relay.startJob(backupSpec());
    expect(await relay.finished(jobId)).toMatchObject({ failure: { code: "repository.credentials_missing" } });
  });

  test("a second agent on the same state is refused, and enrolling again keeps the identity", async () => {
    await start();
    const second = await runProcess(nodeBinary, [main, "run", ...dirs()], { env: env() });
    expect(second.code).toBe(1);
    expect(second.stderr).toContain("runs on");
    const again = await runProcess(nodeBinary, [main, "enroll", "--server", relay.origin, ...dirs()], {
      env: { ...env(), RM_TOKEN: "rmt_other" },
    });
    expect(again).toMatchObject({ code: 0 });
    expect(again.stdout).toContain(`enrolled already, as ${relay.hostId}`);
    const status = await runProcess(nodeBinary, [main, "status", "--json", ...dirs()], { env: env() });
    expect(JSON.parse(status.stdout)).toMatchObject({ host: relay.hostId, agent: `running, process ${agent!.pid}` });
    chmodSync(join(folder, "config/agent.yaml"), 0o644);
    const open = await runProcess(nodeBinary, [main, "run", ...dirs()], { env: env() });
    expect(open.stderr).toContain("chmod 600");
  });

  /** The password is in no file of the agent, nor are its folders open to others. */
  function expectNoSecretOnDisk(): void {
    for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      const path = join(folder, name);
      if (name.startsWith("repository")) continue;
      const stat = statSync(path);
      if (stat.isFile()) expect(readFileSync(path, "latin1")).not.toContain(password);
      if (/^(config|state)/.test(name) && !name.startsWith("state/cache")) expect(stat.mode & 0o077).toBe(0);
    }
  }
});

function phasesOf(records: readonly JobRecord[]): string[] {
  return records.flatMap((record) => (record.type === "phased" ? [record.phase] : []));
}
