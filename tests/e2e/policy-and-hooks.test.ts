import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HooksResource, HostDetail, JobResource, ScheduleResource } from "../../protocol/api.ts";
import { ApiError, type ConsoleApi } from "../../scripts/console-api.ts";
import { nodeBinary, runProcess, waitFor, type Finished } from "../support/process.ts";
import { askJob, jobEnd, runtimes, type TestAgent } from "../support/product.ts";
import { startScheduleScene, type ScheduleScene } from "../support/schedule-scene.ts";

/** What root of a host allows holds against the server, is told by the console, and is obeyed when it changes. */

const bundle = fileURLToPath(new URL("../../dist/agent/restic-manager-agent.cjs", import.meta.url));
/** The agent looks at its policy every 30 seconds. */
const noticed = { timeoutMs: 60_000, everyMs: 250 };

describe.each(runtimes)("a host's policy and hooks on %s", (runtime) => {
  let scene: ScheduleScene;
  let api: ConsoleApi;
  let source: string;
  let agent: TestAgent;
  let schedule: ScheduleResource;

  beforeAll(async () => {
    scene = await startScheduleScene(runtime, "policy");
    ({ api, agent, source } = scene);
    schedule = (await detail()).schedules[0]!;
  });
  afterAll(() => scene?.stop());

  const detail = () => api.get<HostDetail>(`/api/hosts/${agent.hostId}`);
  const hooksPath = () => `/api/hosts/${agent.hostId}/schedules/${schedule.id}/hooks`;
  const run = async (): Promise<JobResource> => jobEnd(api, (await askJob(api, agent.hostId)).id);
  const policy = async (...words: string[]): Promise<Finished> =>
    runProcess(nodeBinary, [
      bundle,
      "policy",
      ...words,
      "--config-dir",
      agent.configDir,
      "--state-dir",
      agent.stateDir,
    ]);
  /** The words after `restic-manager-agent policy` of the command that a refusal names. */
  function commandIn(message: string): string[] {
    const words = /sudo restic-manager-agent policy (.*?)(?: --config-dir .*)?$/.exec(message)?.[1]?.split(" ");
    if (!words) throw new Error(`no command in: ${message}`);
    return words;
  }

  test("a script of root's is offered, runs before the backup, and is in its log; a text is refused with the remedy", async () => {
    expect(await policy("init")).toMatchObject({ code: 0 });
    const script = join(agent.configDir, "hooks.d", "dump-shop");
    writeFileSync(script, `#!/bin/sh\necho "dumped for $RM_JOB_ID"\n`);
    chmodSync(script, 0o755);
    await waitFor("the hook to be offered", async () => (await detail()).policy?.hooks.includes("dump-shop"), noticed);

    const { version } = await api.get<HooksResource>(hooksPath());
    const remote = { hooks: { pre: { kind: "remote", text: "id" } }, version };
    const refused = await api.send("PUT", hooksPath(), remote).catch((error: unknown) => error);
    expect((refused as ApiError).status).toBe(422);
    expect((refused as ApiError).problem?.errors?.[0]).toMatchObject({
      field: "hooks.pre",
      message: expect.stringContaining("policy set allow_hooks remote") as string,
    });
    await api.send("PUT", hooksPath(), { hooks: { pre: { kind: "named", name: "dump-shop" } }, version });
    const job = await run();
    expect(job).toMatchObject({ state: "succeeded" });
    expect(await api.text(`/api/jobs/${job.id}/log`)).toContain(`dumped for ${job.id}`);
  });

  test("what root forbids is refused beside the schedule, with the command that allows it", async () => {
    await policy("set", "allow_paths", "/srv/nothing");
    const refused = await waitFor(
      "the schedule to be refused",
      async () => (await detail()).schedules[0]?.refused,
      noticed,
    );
    expect(refused).toMatchObject({ code: "policy.forbidden" });
    expect(await run()).toMatchObject({ state: "failed", failure: { code: "policy.forbidden" } });
    expect(commandIn(refused.message!)).toEqual(["set", "allow_paths", "/srv/nothing", source]);
    expect(await policy(...commandIn(refused.message!))).toMatchObject({ code: 0 });
    const host = await waitFor(
      "the schedule to be taken",
      async () => {
        const now = await detail();
        return now.appliedScheduleVersion === now.scheduleVersion && !now.schedules[0]?.refused && now;
      },
      noticed,
    );
    expect(host.policy?.allowPaths).toEqual(["/srv/nothing", source]);
    expect(await run()).toMatchObject({ state: "succeeded" });
  });
});
