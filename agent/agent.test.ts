import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { performance } from "node:perf_hooks";
import { afterAll, beforeAll, describe, expect, test, type TestContext } from "vitest";
import { uuidv7 } from "../core/ids.ts";
import {
  agentScene,
  fileCount,
  random,
  repositoryPassword as password,
  sourceOfFiles,
} from "../tests/support/agent-scene.ts";
import { removeFolder } from "../tests/support/folders.ts";
import { pidsWithEnvironment, waitFor } from "../tests/support/process.ts";
import { resticBinary } from "../tests/support/restic.ts";
import { startAgent } from "./agent.ts";
import { loadConfig } from "./config/config.ts";
import { Journal } from "./jobs/journal.ts";
import { SpoolBudget } from "./link/spool/budget.ts";
import { linux } from "./platform/linux.ts";

/** The agent as a process, against a fake server and a real restic: what no part can prove alone. */
describe.concurrent("an agent", { timeout: 120_000 }, () => {
  let source: string;

  beforeAll(() => {
    source = sourceOfFiles();
  });
  afterAll(() => removeFolder(dirname(source)));

  const enrolled = async (context: TestContext) => agentScene(context, source);

  test("makes the repository, backs up, and reports the snapshot restic itself lists", async (context) => {
    const scene = await enrolled(context);
    const { relay } = scene;
    await scene.start();
    await scene.giveRepository();
    const spec = scene.spec();
    const jobId = relay.startJob(spec);
    const verdict = await relay.finished(jobId);
    expect(verdict).toMatchObject({ outcome: "succeeded", resticVersion: "0.18.0", summary: { filesNew: fileCount } });

    const [listed] = await scene.snapshots();
    const snapshot = relay.records(jobId).find((record) => record.type === "snapshot");
    expect(snapshot).toMatchObject({
      repositoryId: scene.repositoryId,
      snapshot: { id: listed?.id, tags: ["nightly", `rm:schedule:${spec.scheduleId}`], paths: [source] },
    });
    expect(verdict.summary?.snapshotId).toBe(listed?.id);
    expect(scene.types(jobId)[0]).toBe("accepted");
    expect(scene.types(jobId).indexOf("started")).toBeLessThan(scene.types(jobId).indexOf("logged"));
    expect(scene.phases(jobId)).toEqual(["prepare", "init", "scan", "upload", "list"]);
    expect(scene.texts(jobId).join("\n")).not.toContain("Fatal");
    // A file of the job's own: an edited schedule may run in two repositories at once.
    expect(scene.texts(jobId).join("\n")).toContain(`/${jobId}.excludes`);

    const again = relay.startJob({ kind: "snapshots", repositoryId: scene.repositoryId });
    expect(await relay.finished(again)).toMatchObject({ outcome: "succeeded" });
    expect(relay.records(again).filter((record) => record.type === "listed")).toMatchObject([
      { fromMs: 0, ids: [listed?.id] },
    ]);
    expect(relay.faults).toEqual([]);
    await scene.agent?.stop();
    expectNoSecretOnDisk(scene.folder);
  });

  test("killed in mid-backup, it starts again, ends the orphan, unlocks and reports the job interrupted", async (context) => {
    const scene = await enrolled(context);
    const { relay } = scene;
    await scene.start(scene.slowRestic());
    await scene.giveRepository();
    const jobId = relay.startJob(scene.spec({ verbose: true }));
    await scene.firstFile(jobId);
    await scene.agent?.kill();
    expect(pidsWithEnvironment("RM_JOB_ID", jobId)).not.toEqual([]);
    await scene.start();
    expect(await relay.finished(jobId)).toMatchObject({ outcome: "failed", failure: { code: "job.interrupted" } });
    expect(pidsWithEnvironment("RM_JOB_ID", jobId)).toEqual([]);
    expect(await scene.locks()).toBe("");

    relay.startJob(scene.spec(), jobId);
    const next = relay.startJob(scene.spec());
    expect(await relay.finished(next)).toMatchObject({ outcome: "succeeded" });
    expect(scene.types(jobId).filter((type) => type === "finished")).toHaveLength(1);
    expect(await scene.snapshots()).toHaveLength(1);
    expect(relay.faults).toEqual([]);
  });

  test("a cut line costs nothing: every record arrives once, in order", async (context) => {
    const scene = await enrolled(context);
    const { relay } = scene;
    await scene.start(scene.slowRestic());
    await scene.giveRepository();
    relay.silent = true;
    const jobId = relay.startJob(scene.spec({ verbose: true }));
    for (let cuts = 1; cuts <= 3; cuts++) {
      const seen = relay.records(jobId).length;
      await waitFor("more records", () => relay.records(jobId).length > seen);
      relay.cut();
      await waitFor("the agent to come back", () => relay.hellos.length > cuts);
    }
    relay.silent = false;
    expect(await relay.finished(jobId)).toMatchObject({ outcome: "succeeded" });
    const files = scene.texts(jobId).filter((text) => text.startsWith("new "));
    expect(new Set(files).size).toBe(fileCount);
    expect(files).toHaveLength(fileCount);
    expect(relay.faults).toEqual([]);
    // What the relay heard while it was silent is sent again after 30 s without an acknowledgement.
    const left = () => !existsSync(join(scene.folder, "state/jobs", jobId));
    await waitFor("the job to leave the host", left, { timeoutMs: 60_000 });
  });

  test("what piled up while the server was gone is reported oldest first, and every hello lists what was begun", async (context) => {
    const scene = await enrolled(context);
    const { relay } = scene;
    const journal = Journal.open({
      directory: join(scene.directories.state, "jobs"),
      budget: new SpoolBudget(),
      nowMs: Date.now,
      after: () => () => {},
      onKept() {},
      onTrouble() {},
    });
    const made = Array.from({ length: 430 }, (_, n) => {
      const jobId = uuidv7(Date.now(), random);
      const entry = { jobId, acceptedAtMs: 1000 + n, state: "queued", spec: null, child: null, lent: null } as const;
      const job = journal.accept({ ...entry, serverMayKnow: false }, (spool) => {
        spool.add({ type: "accepted", atMs: 1, kind: "check", source: "schedule", nominalMs: n });
        spool.add({ type: "finished", atMs: 2, outcome: "succeeded" });
      });
      journal.finish(job);
      return jobId;
    });
    relay.silent = true;
    await scene.start();
    await waitFor("as many to begin as may", () => relay.jobIds().length === 400);
    relay.cut();
    await waitFor("the agent to come back", () => relay.hellos.length === 2);
    relay.silent = false;
    relay.cut();
    await waitFor("the journal to be empty", () =>
      readdirSync(join(scene.directories.state, "jobs")).every((name) => name === "finished"),
    );
    const listed = relay.hellos.map((hello) => hello.jobs.map(({ jobId }) => jobId));
    expect(listed.slice(0, 2)).toEqual([[], made.slice(0, 400)]);
    expect(relay.jobIds()).toEqual(made);
    for (const jobId of made) expect(scene.types(jobId)).toEqual(["accepted", "finished"]);
    expect(relay.faults).toEqual([]);
  });

  test("restic that the kernel killed leaves no lock behind", async (context) => {
    const scene = await enrolled(context);
    const { relay } = scene;
    await scene.start(scene.slowRestic());
    await scene.giveRepository();
    const jobId = relay.startJob(scene.spec({ verbose: true }));
    await scene.firstFile(jobId);
    for (const pid of pidsWithEnvironment("RM_JOB_ID", jobId)) process.kill(pid, "SIGKILL");
    expect(await relay.finished(jobId)).toMatchObject({ failure: { code: "job.interrupted" } });
    expect(await scene.locks()).toBe("");
  });

  test("a cancelled backup ends without a snapshot and without a lock", async (context) => {
    const scene = await enrolled(context);
    const { relay } = scene;
    await scene.start(scene.slowRestic());
    await scene.giveRepository();
    const jobId = relay.startJob(scene.spec({ verbose: true }));
    await scene.firstFile(jobId);
    relay.send({ type: "job.cancel", jobId });
    expect(await relay.finished(jobId)).toMatchObject({ outcome: "cancelled" });
    expect(await scene.snapshots()).toEqual([]);
    expect(await scene.locks()).toBe("");
  });

  test("on SIGTERM it ends restic cleanly, says so, and exits 0; SIGHUP does nothing", async (context) => {
    const scene = await enrolled(context);
    const { relay } = scene;
    await scene.start(scene.slowRestic());
    await scene.giveRepository();
    const jobId = relay.startJob(scene.spec({ verbose: true }));
    await scene.firstFile(jobId);
    process.kill(scene.agent!.pid, "SIGHUP");
    await scene.agent!.waitForOutput(/SIGHUP/);
    process.kill(scene.agent!.pid, "SIGTERM");
    expect(await scene.agent!.exited).toEqual({ code: 0, signal: null });
    expect(await relay.finished(jobId)).toMatchObject({ outcome: "failed", failure: { code: "job.interrupted" } });
    expect(await scene.locks()).toBe("");
  });

  test("a cancel that overtakes its start leaves nothing to run", async (context) => {
    const scene = await enrolled(context);
    const { relay } = scene;
    await scene.start();
    await scene.giveRepository();
    const jobId = uuidv7(Date.now(), random);
    relay.send({ type: "job.cancel", jobId });
    relay.startJob(scene.spec(), jobId);
    expect(await relay.finished(jobId)).toMatchObject({ outcome: "cancelled" });
    expect(scene.types(jobId)).toEqual(["finished"]);
    expect(existsSync(scene.repository)).toBe(false);
  });

  test("an order past its time is refused, and an unknown command is answered", async (context) => {
    const scene = await enrolled(context);
    const { relay } = scene;
    await scene.start();
    await scene.giveRepository();
    const jobId = uuidv7(Date.now(), random);
    relay.send({ type: "job.start", jobId, spec: scene.spec(), notAfterMs: Date.now() - 1000 });
    expect(await relay.finished(jobId)).toMatchObject({ failure: { code: "job.expired" } });
    relay.send({ type: "job.explode", jobId } as never);
    await waitFor("the answer", () => relay.messages.some((message) => message.type === "unsupported"));
  });

  test("a host whose clock is set while the link stands runs what it is asked for", async (context) => {
    const scene = await enrolled(context);
    const { relay, directories } = scene;
    let aheadMs = 0;
    const agent = startAgent({
      config: { ...loadConfig(directories), restic: resticBinary("0.18.0") },
      directories,
      server: new URL(relay.origin),
      platform: linux,
      env: { PATH: process.env["PATH"], HOME: scene.folder },
      log: { info() {}, warn() {} },
      nowMs: () => Date.now() + aheadMs,
      monotonicMs: () => performance.now(),
      after(afterMs, task) {
        const timer = setTimeout(task, afterMs);
        return () => clearTimeout(timer);
      },
      randomBytes: random,
      random: Math.random,
    });
    context.onTestFinished(agent.stop);
    await relay.online();
    await scene.giveRepository();
    for (const stepMs of [3600_000, -7200_000]) {
      aheadMs += stepMs;
      expect(await relay.finished(relay.startJob(scene.spec()))).toMatchObject({ outcome: "succeeded" });
    }
    expect(relay.faults).toEqual([]);
  });

  test("credentials for another host are refused, and a job without credentials says so", async (context) => {
    const scene = await enrolled(context);
    const { relay } = scene;
    await scene.start();
    const other = uuidv7(Date.now(), random);
    relay.setRepository(scene.repositoryId, scene.repository, { password, env: {} });
    relay.send({
      type: "config.update",
      version: 7,
      repositories: [
        {
          repositoryId: other,
          address: scene.repository,
          purpose: "write",
          version: 7,
          sealed: { v: 1, recipient: "host", ephemeral: "A".repeat(43), nonce: "A".repeat(32), ct: "AAAA" },
        },
      ],
    });
    await waitFor("the refusal", () =>
      relay.messages.some((message) => message.type === "config.applied" && message.refused[0]?.id === other),
    );
    const jobId = relay.startJob(scene.spec());
    expect(await relay.finished(jobId)).toMatchObject({ failure: { code: "repository.credentials_missing" } });
  });

  test("data goes nowhere but to the address it was given first, until root allows another", async (context) => {
    const scene = await enrolled(context);
    const { relay, repositoryId } = scene;
    await scene.start();
    await scene.giveRepository();
    expect(await relay.finished(relay.startJob(scene.spec()))).toMatchObject({ outcome: "succeeded" });
    const other = join(scene.folder, "elsewhere");
    relay.setRepository(repositoryId, other, { password, env: {} });
    const refused = await waitFor("the refusal", () =>
      relay.messages.flatMap((message) => (message.type === "config.applied" ? message.refused : [])).at(0),
    );
    expect(refused).toMatchObject({ id: repositoryId, code: "policy.forbidden" });
    expect(await relay.finished(relay.startJob(scene.spec()))).toMatchObject({ failure: { code: "policy.forbidden" } });
    expect(existsSync(other)).toBe(false);
    const hellos = relay.hellos.length;
    expect(refused.message).toContain(`sudo restic-manager-agent policy allow-repository ${other}`);
    expect(await scene.command(["policy", "allow-repository", other])).toMatchObject({ code: 0 });
    expect(await relay.finished(relay.startJob(scene.spec()))).toMatchObject({ outcome: "succeeded" });
    expect(existsSync(other)).toBe(true);
    await waitFor("the set to be judged anew", () => relay.hellos.length > hellos, { timeoutMs: 60_000 });
    await waitFor("no refusal", () => {
      const applied = relay.messages.findLast((message) => message.type === "config.applied");
      return applied?.type === "config.applied" && applied.refused.length === 0;
    });
  });

  test("a host that holds credentials and no pin pins their addresses at its start", async (context) => {
    const scene = await enrolled(context);
    const { relay, repositoryId } = scene;
    await scene.start();
    await scene.giveRepository();
    await scene.agent?.stop();
    rmSync(join(scene.directories.state, "repositories.json"));
    relay.setRepository(repositoryId, join(scene.folder, "elsewhere"), { password, env: {} });
    await scene.start();
    await waitFor("the refusal", () =>
      relay.messages.some((message) => message.type === "config.applied" && message.refused[0]?.id === repositoryId),
    );
    const pinned = await scene.command(["policy", "show", "--json"]);
    expect(JSON.parse(pinned.stdout)).toMatchObject({ pinnedRepositories: [scene.repository] });
  });

  test("a second agent on the same state is refused, and enrolling again keeps the identity", async (context) => {
    const scene = await enrolled(context);
    const { relay } = scene;
    await scene.start();
    const second = await scene.command(["run"]);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain("runs on");
    const again = await scene.command(["enroll", "--server", relay.origin], { RM_TOKEN: "rmt_other" });
    expect(again).toMatchObject({ code: 0 });
    expect(again.stdout).toContain(`enrolled already, as ${relay.hostId}`);
    const status = await scene.command(["status", "--json"]);
    expect(JSON.parse(status.stdout)).toMatchObject({
      host: relay.hostId,
      agent: `running, process ${scene.agent!.pid}`,
    });
    chmodSync(join(scene.folder, "config/agent.yaml"), 0o644);
    const open = await scene.command(["run"]);
    expect(open.stderr).toContain("chmod 600");
  });

  /** The password is in no file of the agent, nor are its folders open to others. */
  function expectNoSecretOnDisk(folder: string): void {
    for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
      const path = join(folder, name);
      if (name.startsWith("repository")) continue;
      const stat = statSync(path);
      if (stat.isFile()) expect(readFileSync(path, "latin1")).not.toContain(password);
      if (/^(config|state)/.test(name) && !name.startsWith("state/cache")) expect(stat.mode & 0o077).toBe(0);
    }
  }
});
