import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { build } from "esbuild";
import { freePort } from "../tests/support/ports.ts";
import { atMost, percentile, type Row } from "./row.ts";

const rounds = 12;
const main = fileURLToPath(new URL("../dist/server/main.js", import.meta.url));
const modules = fileURLToPath(new URL("../node_modules", import.meta.url));

/** (i) From the start of the process to the first answer over HTTP; the database is there already on both sides. */
export async function start(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), "restic-manager-start-"));
  try {
    const keyFile = join(folder, "secret.key");
    writeFileSync(keyFile, randomBytes(32).toString("base64url"), { mode: 0o600 });
    symlinkSync(modules, join(folder, "node_modules"));
    const bare = join(folder, "bare.mjs");
    await build({
      entryPoints: [fileURLToPath(new URL("ceiling-start.ts", import.meta.url))],
      outfile: bare,
      bundle: true,
      platform: "node",
      format: "esm",
      external: ["better-sqlite3"],
      logLevel: "warning",
    });
    const product = (port: number) => ({
      args: [main],
      env: { RM_DATA_DIR: join(folder, "data"), RM_SECRET_KEY_FILE: keyFile, RM_LISTEN: `127.0.0.1:${port}` },
    });
    const ceiling = (port: number) => ({ args: [bare, join(folder, "bare.db"), String(port)], env: {} });
    const times = { product: [] as number[], ceiling: [] as number[] };
    for (let round = 0; round <= rounds; round++) {
      // In turn, so that a drift of the machine falls on both alike; the first of each is not counted: it makes the files.
      const tookMs = { product: await untilAnswered(product), ceiling: await untilAnswered(ceiling) };
      if (round === 0) {
        setUp(join(folder, "data/main.db"));
        continue;
      }
      times.product.push(tookMs.product);
      times.ceiling.push(tookMs.ceiling);
    }
    return [
      atMost(
        "i. start of the server to its first answer, median",
        "ms",
        percentile(times.product, 0.5),
        percentile(times.ceiling, 0.5),
        1.5,
      ),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A server starts once before it has a user, and ever after with one. */
function setUp(file: string): void {
  const db = new Database(file);
  db.prepare("INSERT INTO users (id, username, role, created_at) VALUES ('-', 'bench', 'admin', 1)").run();
  db.close();
}

async function untilAnswered(
  command: (port: number) => { args: string[]; env: Record<string, string> },
): Promise<number> {
  const port = await freePort();
  const { args, env } = command(port);
  const began = performance.now();
  const child = spawn(process.execPath, args, { env: { PATH: process.env["PATH"], ...env }, stdio: "ignore" });
  try {
    for (;;) {
      if (await answers(port)) return performance.now() - began;
      if (child.exitCode !== null) throw new Error(`${args.join(" ")} ended with ${child.exitCode}`);
      await sleep(2);
    }
  } finally {
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    await ended;
  }
}

const noKeepAlive = new Agent({ keepAlive: false });

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    get({ host: "127.0.0.1", port, path: "/healthz", agent: noKeepAlive }, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode === 200));
    }).once("error", () => resolve(false));
  });
}
