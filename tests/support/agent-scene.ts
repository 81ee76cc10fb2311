import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestContext } from "vitest";
import { uuidv7 } from "../../core/ids.ts";
import type { Directories } from "../../agent/config/directories.ts";
import type { BackupSpec, JobPhase } from "../../protocol/wire.ts";
import { startFakeRelay, type FakeRelay } from "./fake-relay.ts";
import { removeFolder, temporaryFolder } from "./folders.ts";
import { nodeBinary, runProcess, startProcess, waitFor, type Finished, type Running } from "./process.ts";
import { listSnapshots, resticBinary, runRestic, type ListedSnapshot } from "./restic.ts";

const main = fileURLToPath(new URL("../../agent/main.ts", import.meta.url));
export const random = (count: number) => new Uint8Array(randomBytes(count));
export const repositoryPassword = "canary-password-41c7";
export const fileCount = 30;
const restic = resticBinary("0.18.0");

/** Files for a backup that takes a moment, and one that its excludes leave out; remove the folder above it. */
export function sourceOfFiles(): string {
  const source = join(temporaryFolder("agent-source"), "data");
  mkdirSync(source);
  for (let i = 0; i < fileCount; i++) writeFileSync(join(source, `file-${i}.bin`), randomBytes(60_000));
  writeFileSync(join(source, "skip-me.tmp"), "x");
  return source;
}

export interface AgentScene {
  folder: string;
  directories: Directories;
  repository: string;
  repositoryId: string;
  relay: FakeRelay;
  agent: Running | null;
  /** A command of the agent on this host's folders, to its end. */
  command(args: string[], env?: Record<string, string>): Promise<Finished>;
  /** Starts the agent; settles when it is online. */
  start(restic?: string): Promise<Running>;
  spec(more?: Partial<BackupSpec>): BackupSpec;
  giveRepository(): Promise<void>;
  /** restic slowed by its own limit, so that there is a middle. */
  slowRestic(): string;
  texts(jobId: string): string[];
  types(jobId: string): string[];
  phases(jobId: string): JobPhase[];
  firstFile(jobId: string): Promise<unknown>;
  locks(): Promise<string>;
  snapshots(): Promise<ListedSnapshot[]>;
}

/** An enrolled host with a server of its own and a source to back up; both end with the test. */
export async function agentScene({ onTestFinished }: Pick<TestContext, "onTestFinished">, source: string) {
  const folder = temporaryFolder("agent");
  const repository = join(folder, "repository");
  const repositoryId = uuidv7(Date.now(), random);
  const relay = await startFakeRelay(random);
  const directories = { config: join(folder, "config"), state: join(folder, "state") };
  const dirs = ["--config-dir", directories.config, "--state-dir", directories.state];
  const env = (binary = restic) => ({ PATH: `${dirname(binary)}:/usr/bin:/bin`, HOME: folder, LC_ALL: "C" });
  const access = { address: repository, password: repositoryPassword };

  const scene: AgentScene = {
    folder,
    directories,
    repository,
    repositoryId,
    relay,
    agent: null,
    command: async (args, more = {}) =>
      runProcess(nodeBinary, [main, ...args, ...dirs], { env: { ...env(), ...more } }),
    async start(binary = restic) {
      const agent = startProcess(nodeBinary, [main, "run", ...dirs], { env: env(binary) });
      scene.agent = agent;
      await Promise.race([
        relay.online(),
        agent.exited.then(() => Promise.reject(new Error(`the agent ended:\n${agent.stderr()}`))),
      ]);
      return agent;
    },
    spec: (more = {}) => ({
      kind: "backup",
      repositoryId,
      scheduleId: uuidv7(Date.now(), random),
      paths: [source],
      excludes: ["*.tmp"],
      tags: ["nightly"],
      createRepository: true,
      verbose: false,
      limits: {},
      ...more,
    }),
    async giveRepository() {
      relay.setRepository(repositoryId, repository, { password: repositoryPassword, env: {} });
      await waitFor("the credentials to be applied", () =>
        relay.messages.some((message) => message.type === "config.applied" && message.refused.length === 0),
      );
    },
    slowRestic() {
      const path = join(folder, "slow", "restic");
      mkdirSync(dirname(path));
      writeFileSync(path, `#!/bin/sh\nexec ${restic} --limit-upload 150 "$@"\n`);
      chmodSync(path, 0o755);
      return path;
    },
    texts: (jobId) => relay.records(jobId).flatMap((record) => (record.type === "logged" ? [record.text] : [])),
    types: (jobId) => relay.records(jobId).map((record) => record.type),
    phases: (jobId) => relay.records(jobId).flatMap((record) => (record.type === "phased" ? [record.phase] : [])),
    firstFile: async (jobId) =>
      waitFor("the first file", () => scene.texts(jobId).some((text) => text.startsWith("new "))),
    locks: async () => (await runRestic(restic, access, ["list", "locks"])).stdout,
    snapshots: async () => listSnapshots(restic, access),
  };
  onTestFinished(async () => {
    await scene.agent?.stop(20_000);
    await relay.stop();
    removeFolder(folder);
  });
  const joined = await scene.command(["enroll", "--server", relay.origin], { RM_TOKEN: "rmt_token" });
  if (joined.stdout !== `Enrolled as host ${relay.hostId} at ${relay.origin}.\n`)
    throw new Error(`enroll failed:\n${joined.stdout}\n${joined.stderr}`);
  return scene;
}
