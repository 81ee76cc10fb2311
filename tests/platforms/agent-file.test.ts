import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { VersionReport } from "../../agent/cli/version.ts";
import { AGENT_VERSION } from "../../agent/version.ts";
import type { ConsoleApi } from "../../scripts/console-api.ts";
import { removeFolder, temporaryFolder } from "../support/folders.ts";
import { runProcess } from "../support/process.ts";
import {
  askJob,
  jobEnd,
  joinHost,
  makeSource,
  startProduct,
  type Product,
  type TestAgent,
} from "../support/product.ts";
import { listSnapshots, resticBinary } from "../support/restic.ts";

/** The file a Linux host gets, with Node inside; `npm run build:agent` makes it. */
const file = fileURLToPath(new URL("../../dist/agent/restic-manager-agent-linux-amd64", import.meta.url));
const restic = resticBinary("0.18.0");
let folder: string;
let product: Product;
let api: ConsoleApi;
let agent: TestAgent | undefined;

beforeAll(async () => {
  if (!existsSync(file)) throw new Error("There is no agent file. Run npm run build:agent first.");
  folder = temporaryFolder("agent-file");
  product = await startProduct("node");
  api = await product.signIn();
});
afterAll(async () => {
  await agent?.stop();
  await product?.stop();
  removeFolder(folder);
});

test("says its version, commit and Node, and the restic on PATH", async () => {
  const done = await runProcess(file, ["version", "--json"], { env: { PATH: `${dirname(restic)}:/usr/bin:/bin` } });
  expect(done).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(done.stdout) as VersionReport).toMatchObject({
    version: AGENT_VERSION,
    commit: expect.stringMatching(/^[0-9a-f]{40}(-dirty)?$/),
    node: "24.21.0",
    platform: "linux-amd64",
    restic: { path: restic, version: "0.18.0" },
  });
});

test("says that there is no restic where there is none", async () => {
  const done = await runProcess("env", [`PATH=${folder}`, file, "version", "--json"]);
  expect(JSON.parse(done.stdout) as VersionReport).toMatchObject({ restic: null });
});

test("answers a wrong command with its usage and no stack", async () => {
  const done = await runProcess(file, ["backup-everything"]);
  expect(done).toMatchObject({ code: 1, stdout: "" });
  expect(done.stderr).toMatch(/^Name one command: .*\n\nrestic-manager-agent: runs restic/);
  expect(done.stderr).not.toMatch(/\n\s+at /);
});

test("joins a server and runs a backup that restic itself can list", async () => {
  const repository = { address: join(folder, "repository"), password: "repository password" };
  const paths = [makeSource(folder, 3, 1000)];
  agent = await joinHost(api, { ...repository, paths, restic, agentFile: file });
  const job = await jobEnd(api, (await askJob(api, agent.hostId)).id);
  expect(job.state).toBe("succeeded");
  expect(await listSnapshots(restic, repository)).toHaveLength(1);
});
