import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, type TestContext } from "vitest";
import type { Hook, Hooks } from "../../protocol/schedule.ts";
import type { BackupSpec, JobPhase, JobRecord } from "../../protocol/wire.ts";
import { agentScene, repositoryPassword, sourceOfFiles, type AgentScene } from "../../tests/support/agent-scene.ts";
import { removeFolder } from "../../tests/support/folders.ts";
import { pidsWithEnvironment, runProcess, waitFor } from "../../tests/support/process.ts";
import { resticBinary, runRestic } from "../../tests/support/restic.ts";

/** Hooks around real backups, by an agent that is a process of its own. */
describe.concurrent("a backup with hooks", { timeout: 120_000 }, () => {
  let source: string;
  beforeAll(() => {
    source = sourceOfFiles();
  });
  afterAll(() => removeFolder(dirname(source)));

  async function sceneWithHooks(context: TestContext, restic?: "slow") {
    const scene = await agentScene(context, source);
    await scene.command(["policy", "init"]);
    await scene.command(["policy", "set", "allow_hooks", "remote"]);
    await scene.start(restic === "slow" ? scene.slowRestic() : undefined);
    await scene.giveRepository();
    return scene;
  }

  function hooked(scene: AgentScene, hooks: Partial<Hooks>, more: Partial<BackupSpec> = {}): BackupSpec {
    const spec = scene.spec(more);
    const sealed = { timeoutMinutes: 1, ...hooks, shell: "/bin/sh" };
    return { ...spec, hooks: scene.relay.sealHooks(spec.scheduleId, sealed) };
  }
  const remote = (text: string): Hook => ({ kind: "remote", text });
  const named = (name: string): Hook => ({ kind: "named", name });

  function script(scene: AgentScene, name: string, text: string): Hook {
    const path = join(scene.directories.config, "hooks.d", name);
    writeFileSync(path, text);
    chmodSync(path, 0o755);
    return named(name);
  }

  const phaseOf = async (scene: AgentScene, jobId: string, phase: JobPhase) =>
    waitFor(`the phase ${phase}`, () => scene.phases(jobId).includes(phase));
  const hookLines = (scene: AgentScene, jobId: string) =>
    scene.relay
      .records(jobId)
      .flatMap((record) => (record.type === "logged" && record.stream === "hook" ? [record.text] : []));

  test("a database is dumped before it, and the snapshot holds the dump", async (context) => {
    const scene = await sceneWithHooks(context);
    const database = join(scene.folder, "shop.sqlite");
    const dumps = join(scene.folder, "dumps");
    mkdirSync(dumps);
    await runProcess("sqlite3", [
      database,
      "CREATE TABLE orders(id INTEGER, item TEXT); INSERT INTO orders VALUES (7, 'tea');",
    ]);
    const pre = script(
      scene,
      "dump-shop",
      `#!/bin/sh\nset -eu\nsqlite3 -readonly '${database}' .dump >'${dumps}/shop.sql.new'\nmv '${dumps}/shop.sql.new' '${dumps}/shop.sql'\necho "dumped $(grep -c INSERT '${dumps}/shop.sql') row"\n`,
    );
    const post = script(scene, "remove-dump", `#!/bin/sh\nrm '${dumps}/shop.sql' && echo "$RM_JOB_STATUS"\n`);
    const jobId = scene.relay.startJob(hooked(scene, { pre, post }, { paths: [dumps] }));
    expect(await scene.relay.finished(jobId)).toMatchObject({ outcome: "succeeded", summary: { filesNew: 1 } });
    expect(scene.phases(jobId)).toEqual(["prepare", "pre_hook", "init", "scan", "upload", "list", "post_hook"]);
    expect(hookLines(scene, jobId)).toEqual(["dumped 1 row", "succeeded"]);
    expect(existsSync(join(dumps, "shop.sql"))).toBe(false);
    const access = { address: scene.repository, password: repositoryPassword };
    const dump = await runRestic(resticBinary("0.18.0"), access, ["dump", "latest", join(dumps, "shop.sql")]);
    const restored = await runProcess("sqlite3", [":memory:"], {
      stdin: `${dump.stdout}SELECT item FROM orders WHERE id = 7;\n`,
    });
    expect(restored.stdout).toBe("tea\n");
  });

  /** A program that writes all the time, and the hooks that stop it for the backup. */
  function program(scene: AgentScene, { onTestFinished }: TestContext) {
    const pidFile = join(scene.folder, "program.pid");
    const start = `setsid sh -c 'echo $$ >"${pidFile}"; exec sleep 1000' >/dev/null 2>&1 &`;
    const pid = () => Number(readFileSync(pidFile, "utf8"));
    onTestFinished(() => {
      if (existsSync(pidFile) && isAlive(pid())) process.kill(pid(), "SIGKILL");
    });
    return {
      pidFile,
      pid,
      start: async () => {
        await runProcess("sh", ["-c", start]);
        await waitFor("the program", () => existsSync(pidFile) && isAlive(pid()));
      },
      pre: remote(
        `kill "$(cat '${pidFile}')" && while kill -0 "$(cat '${pidFile}')" 2>/dev/null; do sleep 0.1; done; echo stopped`,
      ),
      post: remote(`${start}\necho "started after: $RM_JOB_STATUS"`),
      running: async () => waitFor("the program to run again", () => isAlive(pid())),
    };
  }
  test("a program is stopped for it and started afterwards, also when it is cancelled or the agent dies", async (context) => {
    const scene = await sceneWithHooks(context, "slow");
    const { pre, post, ...own } = program(scene, context);
    await own.start();
    const cancelled = scene.relay.startJob(hooked(scene, { pre, post }, { verbose: true }));
    await scene.firstFile(cancelled);
    expect(isAlive(own.pid())).toBe(false);
    scene.relay.send({ type: "job.cancel", jobId: cancelled });
    expect(await scene.relay.finished(cancelled, 15_000)).toMatchObject({ outcome: "cancelled" });
    expect(hookLines(scene, cancelled)).toEqual(["stopped", "started after: cancelled"]);
    await own.running();

    const killed = scene.relay.startJob(hooked(scene, { pre, post }, { verbose: true }));
    await scene.firstFile(killed);
    expect(isAlive(own.pid())).toBe(false);
    await scene.agent?.kill();
    await scene.start();
    expect(await scene.relay.finished(killed)).toMatchObject({
      outcome: "failed",
      failure: { code: "job.interrupted" },
    });
    expect(hookLines(scene, killed).at(-1)).toBe("started after: failed");
    await own.running();
    expect(await scene.locks()).toBe("");
    expect(scene.relay.faults).toEqual([]);
  });

  test("a pre hook that fails lets no backup begin, and the post hook runs", async (context) => {
    const scene = await sceneWithHooks(context);
    const pre = remote("echo no space left >&2; exit 28");
    const jobId = scene.relay.startJob(hooked(scene, { pre, post: remote('echo "$RM_JOB_STATUS"') }));
    expect(await scene.relay.finished(jobId)).toMatchObject({ outcome: "failed", failure: { code: "hook.failed" } });
    expect(hookLines(scene, jobId)).toEqual(["no space left", "failed"]);
    expect(existsSync(scene.repository)).toBe(false);
  });

  test("a post hook that fails makes a good backup one with a warning", async (context) => {
    const scene = await sceneWithHooks(context);
    const jobId = scene.relay.startJob(hooked(scene, { post: remote("exit 1") }));
    expect(await scene.relay.finished(jobId)).toMatchObject({
      outcome: "succeeded",
      warnings: 1,
      lastError: "The post hook ended with exit code 1. Its lines in the log say why.",
    });
  });

  /** Cancels a job once it is where it should be, and answers its verdict, within 15 s and with nothing left. */
  async function cancelled(scene: AgentScene, jobId: string): Promise<Extract<JobRecord, { type: "finished" }>> {
    scene.relay.send({ type: "job.cancel", jobId });
    const verdict = await scene.relay.finished(jobId, 15_000);
    expect(pidsWithEnvironment("RM_JOB_ID", jobId)).toEqual([]);
    if (existsSync(scene.repository)) expect(await scene.locks()).toBe("");
    return verdict;
  }
  const stubborn = "trap '' INT; setsid sleep 1000 & echo up; sleep 1000; wait";

  test("cancelled in its pre hook it is cancelled, and nothing the hook started is left", async (context) => {
    const scene = await sceneWithHooks(context);
    const post = remote('echo "$RM_JOB_STATUS"');
    const jobId = scene.relay.startJob(hooked(scene, { pre: remote(stubborn), post }));
    await waitFor("the hook", () => hookLines(scene, jobId).includes("up"));
    expect(await cancelled(scene, jobId)).toMatchObject({ outcome: "cancelled" });
    expect(hookLines(scene, jobId)).toEqual(["up", "cancelled"]);
    expect(existsSync(scene.repository)).toBe(false);
  });

  test("an agent that dies in its pre hook ends what the hook started, and runs the post hook, when it starts again", async (context) => {
    const scene = await sceneWithHooks(context);
    const post = remote('echo "$RM_JOB_STATUS"');
    const jobId = scene.relay.startJob(hooked(scene, { pre: remote(stubborn), post }));
    await waitFor("the hook", () => hookLines(scene, jobId).includes("up"));
    await scene.agent?.kill();
    expect(pidsWithEnvironment("RM_JOB_ID", jobId).length).toBeGreaterThan(1);
    await scene.start();
    expect(await scene.relay.finished(jobId)).toMatchObject({ failure: { code: "job.interrupted" } });
    expect(hookLines(scene, jobId)).toEqual(["up", "failed"]);
    expect(pidsWithEnvironment("RM_JOB_ID", jobId)).toEqual([]);
    expect(existsSync(scene.repository)).toBe(false);
  });

  test("cancelled in its post hook its verdict stands, with a warning", async (context) => {
    const scene = await sceneWithHooks(context);
    const jobId = scene.relay.startJob(hooked(scene, { post: remote(stubborn) }));
    await waitFor("the hook", () => hookLines(scene, jobId).includes("up"));
    expect(await cancelled(scene, jobId)).toMatchObject({
      outcome: "succeeded",
      warnings: 1,
      lastError: "The post hook was stopped before its end.",
    });
    expect(await scene.snapshots()).toHaveLength(1);
  });

  test("cancelled in the scan or in the upload, or while it waits, it leaves no snapshot and no lock", async (context) => {
    const scene = await sceneWithHooks(context, "slow");
    const post = remote('echo "$RM_JOB_STATUS"');
    for (const phase of ["scan", "upload"] as const) {
      const jobId = scene.relay.startJob(hooked(scene, { post }, { verbose: true }));
      await phaseOf(scene, jobId, phase);
      const waiting = scene.relay.startJob(hooked(scene, { post }));
      await waitFor("the waiting job", () => scene.types(waiting).includes("accepted"));
      scene.relay.send({ type: "job.cancel", jobId: waiting });
      expect(await scene.relay.finished(waiting, 15_000)).toMatchObject({ outcome: "cancelled" });
      expect(scene.types(waiting)).toEqual(["accepted", "finished"]);
      expect(await cancelled(scene, jobId)).toMatchObject({ outcome: "cancelled" });
      expect(hookLines(scene, jobId)).toEqual(["cancelled"]);
    }
    expect(await scene.snapshots()).toEqual([]);
  });

  test("what the host does not allow is refused with the local command, and allowed once root has run it", async (context) => {
    const scene = await agentScene(context, source);
    await scene.start();
    await scene.giveRepository();
    const post = remote("echo ran");
    const refused = scene.relay.startJob(hooked(scene, { post }));
    const verdict = await scene.relay.finished(refused);
    expect(verdict).toMatchObject({ outcome: "failed", failure: { code: "policy.forbidden" } });
    const command = /sudo restic-manager-agent (policy .*)$/.exec(verdict.failure?.message ?? "")?.[1];
    expect(command).toBe(
      `policy set allow_hooks remote --config-dir ${scene.directories.config} --state-dir ${scene.directories.state}`,
    );
    const hellos = scene.relay.hellos.length;
    expect(scene.relay.hellos.at(-1)?.policy).toMatchObject({ allowHooks: "named" });
    await scene.command(command!.split(" ").slice(0, 4));
    const allowed = scene.relay.startJob(hooked(scene, { post }));
    expect(await scene.relay.finished(allowed)).toMatchObject({ outcome: "succeeded" });
    expect(hookLines(scene, allowed)).toEqual(["ran"]);
    await waitFor("the policy to be told", () => scene.relay.hellos.length > hellos, { timeoutMs: 45_000 });
    expect(scene.relay.hellos.at(-1)).toMatchObject({ policy: { allowHooks: "remote" }, configVersion: 0 });

    chmodSync(join(scene.directories.config, "policy.yaml"), 0o666);
    const blind = scene.relay.startJob(scene.spec());
    expect(await scene.relay.finished(blind)).toMatchObject({ failure: { code: "policy.unreadable" } });
    await scene.agent!.stop();
    const again = await scene.command(["run"]);
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining("sudo chmod go-w") as string });
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
