import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { JobResource, Page } from "../../protocol/api.ts";
import type { ConsoleApi } from "../../scripts/console-api.ts";
import { witnessJournal } from "../support/agent-journal.ts";
import { followJob, type Follower } from "../support/follow.ts";
import { removeFolder, temporaryFolder } from "../support/folders.ts";
import { pidsWithEnvironment, waitFor } from "../support/process.ts";
import {
  askJob,
  cuttableLine,
  hostOnline,
  jobEnd,
  joinHost,
  makeSource,
  startProduct,
  type CuttableLine,
  type Product,
  type RuntimeName,
  type TestAgent,
} from "../support/product.ts";
import { resticBinary, runRestic, type ListedSnapshot } from "../support/restic.ts";

const password = "repository password";
const fileCount = 300;
const repeat = Number(process.env["RM_REPEAT"] ?? "1");

/**
 * A backup is cut in the middle in every way a fleet knows; afterwards each file of the source stands in the log
 * exactly once, what a browser saw equals what the agent fsynced, the job has one verdict, the repository one snapshot,
 * and no restic is left.
 */
export function cutTests(runtime: RuntimeName): void {
  let product: Product;
  let api: ConsoleApi;
  let folder: string;
  let source: string;
  let restic: string;
  let runs = 0;

  beforeAll(async () => {
    // On workerd with counters in front, to see that an object was evicted.
    product = await startProduct(runtime, {}, "bench/workers/wrangler.toml");
    api = await product.signIn();
    folder = temporaryFolder("cuts");
    source = makeSource(folder, fileCount, 100_000);
    restic = slowRestic(folder, 3000);
  });
  afterAll(async () => {
    await product?.stop();
    removeFolder(folder);
  });

  interface Scene {
    agent: TestAgent;
    line: CuttableLine;
    job: JobResource;
    follower: Follower;
    address: string;
  }

  /** A slow backup in mid-stream, followed as a browser would, then `cut`; `scene` is cleaned up whatever happens. */
  async function inMidStream(
    cut: (scene: Scene) => Promise<void>,
    check: (scene: Scene, job: JobResource) => Promise<void>,
  ) {
    const address = join(folder, `repository-${++runs}`);
    await runRestic(resticBinary("0.18.0"), { address, password }, ["init"]);
    const line = await cuttableLine(product.origin);
    const agent = await joinHost(api, {
      address,
      password,
      paths: [source],
      restic,
      origin: line.origin,
      hostName: `cut-${runs}`,
    });
    const job = await askJob(api, agent.hostId, { kind: "backup", verbose: true });
    const follower = followJob(api, job.id);
    const journal = witnessJournal(agent.stateDir, job.id);
    try {
      const scene = { agent, line, job, follower, address };
      await waitFor("the first files in the stream", () => newFiles(follower).length >= 20);
      await cut(scene);
      await check(scene, await jobEnd(api, job.id));
      await waitFor("the verdict in the stream", () => follower.records.some((record) => record.type === "finished"));
      expect(follower.faults).toEqual([]);
      expect(follower.records).toEqual(journal.records());
      expect(pidsWithEnvironment("RM_JOB_ID", job.id)).toEqual([]);
      const running = await api.get<Page<JobResource>>(`/api/jobs?hostId=${agent.hostId}&state=running`);
      expect(running.items).toEqual([]);
    } finally {
      follower.close();
      journal.stop();
      await agent.stop();
      await line.stop();
    }
  }

  async function expectWholeBackup(scene: Scene, job: JobResource): Promise<void> {
    expect(job).toMatchObject({ state: "succeeded", summary: { filesNew: fileCount } });
    await waitFor("the whole stream", () => scene.follower.records.at(-1)?.type === "finished");
    expect(newFiles(scene.follower).toSorted()).toEqual(expectedFiles());
    const stored = await api.text(`/api/jobs/${job.id}/log`);
    expect(filesIn(stored.split("\n")).toSorted()).toEqual(expectedFiles());
    expect(await snapshotsOf(scene.address)).toEqual([job.summary?.snapshotId]);
  }

  function expectedFiles(): string[] {
    return Array.from({ length: fileCount }, (_, i) => `file-${String(i).padStart(4, "0")}.bin`);
  }

  describe.each(Array.from({ length: repeat }, (_, i) => i + 1))("round %i", () => {
    test("a server killed in mid-backup and started again loses no line and no job", async () => {
      await inMidStream(async ({ agent }) => {
        await product.kill();
        await sleep(1500);
        await product.start();
        await hostOnline(api, agent.hostId, agent);
      }, expectWholeBackup);
    });

    // Each of these cuts its own host only, so they share the time.
    test.concurrent("a line cut for 30 s in mid-stream loses no line and no job", async () => {
      await inMidStream(async ({ line }) => {
        line.cut();
        await sleep(30_000);
        line.mend();
      }, expectWholeBackup);
    });

    test.concurrent("an agent killed in mid-backup reports it interrupted, and its restic is gone", async () => {
      await inMidStream(
        async ({ agent }) => {
          await agent.kill();
          await agent.start();
        },
        async (scene, job) => {
          expect(job).toMatchObject({ state: "failed", failure: { code: "job.interrupted" } });
          expect(await snapshotsOf(scene.address)).toEqual([]);
          const logged = newFiles(scene.follower);
          expect(new Set(logged).size).toBe(logged.length);
          const again = await jobEnd(api, (await askJob(api, scene.agent.hostId)).id);
          expect(again).toMatchObject({ state: "succeeded" });
          expect(await snapshotsOf(scene.address)).toEqual([again.summary?.snapshotId]);
        },
      );
    });

    test
      .runIf(runtime === "workerd")
      .concurrent("an object evicted in mid-stream keeps its sockets and loses no line", async () => {
        await inMidStream(async ({ agent, job }) => {
          // workerd hibernates an object after 10 s without an event: stopping restic makes them, after the alarm that
          // waited for the hello.
          const pids = pidsWithEnvironment("RM_JOB_ID", job.id);
          expect(pids.length).toBeGreaterThan(0);
          await relaysMade(agent.hostId);
          for (const pid of pids) process.kill(pid, "SIGSTOP");
          await sleep(25_000);
          for (const pid of pids) process.kill(pid, "SIGCONT");
          await waitFor("the evicted object to be made again", async () => (await relaysMade(agent.hostId)) > 0);
        }, expectWholeBackup);
      });
  });

  /** How often the host's relay was made since the last question (bench/workers/entry.ts). */
  async function relaysMade(hostId: string): Promise<number> {
    const answer = await fetch(`${product.origin}/bench/rows?host=${hostId}`);
    return ((await answer.json()) as { relaysMade: number }).relaysMade;
  }

  async function snapshotsOf(address: string): Promise<string[]> {
    const listed = await runRestic(resticBinary("0.18.0"), { address, password }, ["snapshots", "--json", "--no-lock"]);
    return (JSON.parse(listed.stdout) as ListedSnapshot[]).map((snapshot) => snapshot.id);
  }
}

/** The real restic, slowed so that there is a middle to cut: restic's own upload limit, in KiB/s. */
function slowRestic(folder: string, kibPerSecond: number): string {
  const path = join(temporaryFolder("slow-restic"), "restic");
  writeFileSync(path, `#!/bin/sh\nexec ${resticBinary("0.18.0")} --limit-upload ${kibPerSecond} "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}

function newFiles(follower: Follower): string[] {
  return filesIn(follower.records.map((record) => (record.type === "logged" ? record.text : "")));
}

/** Names of the source's files in lines that say a file is new. */
function filesIn(lines: readonly string[]): string[] {
  return lines.flatMap((line) => /\bnew\b.*(file-\d{4}\.bin)/.exec(line)?.[1] ?? []);
}
