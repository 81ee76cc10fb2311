import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startAgent } from "../../agent/agent.ts";
import { loadConfig } from "../../agent/config/config.ts";
import { linux } from "../../agent/platform/linux.ts";
import type { HostDetail, JobResource, Page, ScheduleResource } from "../../protocol/api.ts";
import type { ConsoleApi } from "../../scripts/console-api.ts";
import { witnessJournal } from "../support/agent-journal.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { followJob } from "../support/follow.ts";
import { removeFolder, temporaryFolder } from "../support/folders.ts";
import { waitFor } from "../support/process.ts";
import {
  hostOnline,
  jobEnd,
  joinHost,
  makeSource,
  runtimes,
  startProduct,
  type Product,
  type TestAgent,
} from "../support/product.ts";
import { listSnapshots, resticBinary } from "../support/restic.ts";
import { password, schedulesApplied } from "../support/schedule-scene.ts";

/** Hosts keep backing up while the server is gone, and say all of it when it is back. */

const restic = resticBinary("0.18.0");
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

describe.each(runtimes)("a host whose server on %s is stopped", { timeout: 600_000 }, (runtime) => {
  let product: Product;
  let api: ConsoleApi;
  let folder: string;
  let source: string;

  beforeAll(async () => {
    product = await startProduct(runtime);
    api = await product.signIn();
    folder = temporaryFolder("offline");
    source = makeSource(folder, 3, 10_000);
  });
  afterAll(async () => {
    await product?.stop();
    removeFolder(folder);
  });

  const joined = async (name: string): Promise<TestAgent> =>
    joinHost(api, { hostName: name, address: join(folder, name), password, paths: [source], restic });

  /** A schedule made through the API, which the host runs before this settles. */
  async function makeSchedule(hostId: string, cron: string): Promise<ScheduleResource> {
    const host = await api.get<HostDetail>(`/api/hosts/${hostId}`);
    const made = await api.send<ScheduleResource>("POST", `/api/hosts/${hostId}/schedules`, {
      kind: "backup",
      name: cron,
      repositoryId: host.repositories[0]!.id,
      enabled: true,
      manual: false,
      cron,
      timeZone: "UTC",
      paths: [source],
    });
    await schedulesApplied(api, hostId);
    return made;
  }

  test("runs its schedule on time, and its whole log is there when the server is back", async () => {
    const agent = await joined("minutely");
    const schedule = await makeSchedule(agent.hostId, "* * * * *");
    await product.kill();
    const fired = new RegExp(`job (\\S+): backup of schedule ${schedule.id} fired`, "g");
    const before = agent.log().length;
    const jobId = await waitFor("a fire", () => fired.exec(agent.log().slice(before))?.[1], { timeoutMs: 90_000 });
    const journal = witnessJournal(agent.stateDir, jobId);
    await waitFor("the backup's end", () => agent.log().includes(`job ${jobId}: succeeded`));
    expect(await listSnapshots(restic, { address: join(folder, "minutely"), password })).not.toEqual([]);

    await product.start();
    await hostOnline(api, agent.hostId, agent);
    const job = await jobEnd(api, jobId);
    expect(job).toMatchObject({ state: "succeeded", source: "schedule", scheduleId: schedule.id });
    const follower = followJob(api, jobId);
    await waitFor("the whole stream", () => follower.records.at(-1)?.type === "finished");
    expect(follower.faults).toEqual([]);
    expect(follower.records).toEqual(journal.records());
    const [accepted] = follower.records;
    if (accepted?.type !== "accepted") throw new Error("the stream does not begin with its acceptance");
    expect(accepted.nominalMs! % minuteMs).toBe(0);
    expect(Math.floor(accepted.atMs / minuteMs) * minuteMs).toBe(accepted.nominalMs);
    const log = await api.text(`/api/jobs/${jobId}/log`);
    for (const record of follower.records) if (record.type === "logged") expect(log).toContain(record.text);
    follower.close();
    journal.stop();
    await agent.stop();
  });

  test("for a day, runs 24 of 24 hourly backups", async () => {
    const agent = await joined("hourly");
    const schedule = await makeSchedule(agent.hostId, "0 * * * *");
    await agent.stop();
    await product.kill();

    // The same host again, inside this process, a day and a half hour ago.
    const directories = { config: agent.configDir, state: agent.stateDir };
    rmSync(join(agent.stateDir, "fires.json"));
    const startMs = Math.floor(Date.now() / hourMs) * hourMs - 24 * hourMs + 30 * minuteMs;
    const clock = new FakeClock(startMs);
    const said: string[] = [];
    const config = loadConfig(directories);
    const running = startAgent({
      config: { ...config, restic },
      directories,
      server: new URL(config.server),
      platform: linux,
      env: { PATH: process.env["PATH"], HOME: folder },
      log: { info: (text) => said.push(text), warn: (text) => said.push(text) },
      nowMs: clock.nowMs,
      monotonicMs: () => performance.now(),
      after: clock.after,
      randomBytes: (count) => new Uint8Array(randomBytes(count)),
      random: Math.random,
    });
    const count = (pattern: RegExp) => said.filter((text) => pattern.test(text)).length;
    try {
      for (let hour = 1; hour <= 24; hour++) {
        clock.pass(hourMs);
        await waitFor(`backup ${hour} to end`, () => count(/^job \S+: (succeeded|\w+\.\w+)$/) === hour, {
          timeoutMs: 60_000,
        });
      }
      expect(count(/^job \S+: succeeded$/)).toBe(24);

      await product.start();
      const jobs = await waitFor(
        "the jobs to be told",
        async () => {
          const { items } = await api.get<Page<JobResource>>(`/api/jobs?hostId=${agent.hostId}`);
          return items.length === 24 && items.every((job) => job.state === "succeeded") && items;
        },
        { timeoutMs: 120_000, everyMs: 500 },
      );
      expect(jobs.every((job) => job.source === "schedule" && job.scheduleId === schedule.id)).toBe(true);
      const logs = await Promise.all(jobs.map((job) => api.text(`/api/jobs/${job.id}/log`)));
      expect(logs.filter((log) => log.includes("is saved"))).toHaveLength(24);
      const snapshots = await listSnapshots(restic, { address: join(folder, "hourly"), password });
      expect(snapshots.map(({ id }) => id).toSorted()).toEqual(jobs.map((job) => job.summary?.snapshotId).toSorted());
    } finally {
      await running.stop();
    }
  });
});
