import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { removeFolder, temporaryFolder } from "../tests/support/folders.ts";
import { askJob, jobEnd, joinHost, startProduct, type Product } from "../tests/support/product.ts";
import { resticBinary } from "../tests/support/restic.ts";
import { childrenCpuMsOf, cpuMsOf } from "./child.ts";
import { atMost, best, type Row } from "./row.ts";

const rounds = 4;
const password = "bench";
const note =
  "each run measures a freshly started agent, whose first job costs more than its later ones; the kernel counts in ticks of 10 ms.";
const run = promisify(execFile);

interface Measured {
  wallMs: number;
  /** The agent's own CPU beside restic's. */
  ownCpuMs: number;
  resticCpuMs: number;
}

/**
 * (e) `agent runs restic backup` against bare restic: 10,000 × 4 KiB and 512 MiB. The ceiling is `restic backup --json`
 * followed by `restic snapshots --json`: the agent must list to learn the snapshot it reports.
 */
export async function overhead(): Promise<Row[]> {
  const folder = temporaryFolder("overhead");
  const source = makeSource(folder);
  const product = await startProduct("node");
  const runs: { product: Measured[]; ceiling: Measured[] } = { product: [], ceiling: [] };
  try {
    for (let round = 0; round < rounds; round++) {
      const order = round % 2 === 0 ? (["product", "ceiling"] as const) : (["ceiling", "product"] as const);
      for (const side of order) {
        const repository = join(folder, "repository");
        await run("sync", []);
        runs[side].push(
          side === "product" ? await byAgent(product, source, repository) : await byRestic(source, repository, folder),
        );
        rmSync(repository, { recursive: true, force: true });
      }
    }
  } finally {
    await product.stop();
    removeFolder(folder);
  }
  const wall = (all: Measured[]) => best(all.map((m) => m.wallMs));
  const resticCpuMs = best(runs.ceiling.map((m) => m.resticCpuMs));
  const ownCpuMs = best(runs.product.map((m) => m.ownCpuMs));
  return [
    atMost("e. backup by the agent, best-run wall", "ms", wall(runs.product), wall(runs.ceiling), 1.02),
    atMost("e. agent's own CPU, of restic's", "ms", ownCpuMs, resticCpuMs, 0.005, note),
  ];
}

function makeSource(folder: string): string {
  const source = join(folder, "source");
  for (let i = 0; i < 100; i++) {
    mkdirSync(join(source, String(i)), { recursive: true });
    for (let k = 0; k < 100; k++) writeFileSync(join(source, String(i), String(k)), randomBytes(4096));
  }
  for (let i = 0; i < 8; i++) writeFileSync(join(source, `big-${i}`), randomBytes(64 * 1024 * 1024));
  return source;
}

async function byAgent(product: Product, source: string, address: string): Promise<Measured> {
  const api = await product.signIn();
  const restic = resticBinary("0.18.0");
  await init(restic, address);
  const agent = await joinHost(api, { address, password, paths: [source], restic, createRepository: false });
  try {
    const before = cpuMsOf(agent.pid());
    const resticBefore = childrenCpuMsOf(agent.pid());
    const job = await jobEnd(api, (await askJob(api, agent.hostId)).id);
    if (job.state !== "succeeded") throw new Error(`the backup ${job.state}: ${job.lastError ?? ""}`);
    return {
      wallMs: job.finishedAtMs! - job.startedAtMs!,
      ownCpuMs: cpuMsOf(agent.pid()) - before,
      resticCpuMs: childrenCpuMsOf(agent.pid()) - resticBefore,
    };
  } finally {
    await agent.stop();
  }
}

async function byRestic(source: string, address: string, folder: string): Promise<Measured> {
  const restic = resticBinary("0.18.0");
  await init(restic, address);
  const env = {
    PATH: process.env["PATH"],
    RESTIC_REPOSITORY: address,
    RESTIC_PASSWORD: password,
    RESTIC_CACHE_DIR: join(folder, "cache"),
    RESTIC_PROGRESS_FPS: "1",
  };
  const options = { env, maxBuffer: 64 * 1024 * 1024 };
  const cpuBefore = childrenCpuMsOf(process.pid);
  const began = performance.now();
  await run(restic, ["backup", "--json", "--", source], options);
  await run(restic, ["snapshots", "--json"], options);
  return {
    wallMs: performance.now() - began,
    ownCpuMs: 0,
    resticCpuMs: childrenCpuMsOf(process.pid) - cpuBefore,
  };
}

async function init(restic: string, address: string): Promise<void> {
  const env = { PATH: process.env["PATH"], RESTIC_REPOSITORY: address, RESTIC_PASSWORD: password };
  await run(restic, ["init", "--no-cache"], { env });
}
