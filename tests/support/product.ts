import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createServer, type Server, type Socket } from "node:net";
import { connect } from "node:net";
import type { HostDetail, JobResource } from "../../protocol/api.ts";
import { TERMINAL_STATES } from "../../protocol/stream.ts";
import { consoleApi, type ConsoleApi } from "../../scripts/console-api.ts";
import { removeFolder, temporaryFolder } from "./folders.ts";
import { freePort } from "./ports.ts";
import { nodeBinary, runProcess, startProcess, waitFor, type Running } from "./process.ts";

/** The built product, started as its users start it: what the end-to-end and the cut tests drive. */

const root = fileURLToPath(new URL("../..", import.meta.url));
const wrangler = join(root, "node_modules/wrangler/bin/wrangler.js");

export type RuntimeName = "node" | "workerd";
export const runtimes: readonly RuntimeName[] = ["node", "workerd"];

export const admin = { username: "maja", password: "a long test password" };

export interface Product {
  readonly runtime: RuntimeName;
  readonly origin: string;
  readonly folder: string;
  /** All it printed, over all its starts. */
  log(): string;
  /** Makes the first administrator with the token from the log, or signs in where there is one. */
  signIn(): Promise<ConsoleApi>;
  bootstrapToken(): Promise<string>;
  /** SIGKILL to the server's whole process group. */
  kill(): Promise<void>;
  /** Starts it again on the same port and state. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** `config` is another wrangler.toml than the product's, for workerd. */
export async function startProduct(
  runtime: RuntimeName,
  env: Record<string, string> = {},
  config = "wrangler.toml",
): Promise<Product> {
  const folder = temporaryFolder(`product-${runtime}`);
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const launch =
    runtime === "node" ? nodeLauncher(folder, port, env) : await workerdLauncher(folder, port, env, config);
  let running: Running | null = null;
  let before = "";

  const product: Product = {
    runtime,
    origin,
    folder,
    log: () => before + (running ? running.stdout() + running.stderr() : ""),
    async bootstrapToken() {
      return waitFor("the set-up token in the log", () => /rmb_[A-Za-z0-9_-]{43}/.exec(product.log())?.[0]);
    },
    async signIn() {
      const api = consoleApi(origin);
      const { setupNeeded } = await api.get<{ setupNeeded: boolean }>("/api/status");
      if (setupNeeded) await api.send("POST", "/api/bootstrap", { token: await product.bootstrapToken(), ...admin });
      else await api.send("POST", "/api/login", admin);
      return api;
    },
    async kill() {
      if (!running) return;
      process.kill(-running.pid, "SIGKILL");
      await running.exited;
      before = product.log();
      running = null;
    },
    async start() {
      const started = launch();
      running = started;
      let ended = false;
      void started.exited.then(() => (ended = true));
      await waitFor(
        "the server to be ready",
        async () => {
          if (ended) throw new Error(`the server ended:\n${product.log()}`);
          return (await fetch(`${origin}/readyz`).catch(() => null))?.ok;
        },
        { timeoutMs: 60_000 },
      );
    },
    async stop() {
      await running?.stop(20_000);
      removeFolder(folder);
    },
  };
  await product.start();
  return product;
}

function nodeLauncher(folder: string, port: number, env: Record<string, string>): () => Running {
  const keyFile = join(folder, "secret.key");
  writeFileSync(keyFile, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600 });
  return () =>
    startProcess(nodeBinary, [join(root, "dist/server/main.js")], {
      cwd: folder,
      env: {
        RM_DATA_DIR: join(folder, "data"),
        RM_SECRET_KEY_FILE: keyFile,
        RM_LISTEN: `127.0.0.1:${port}`,
        ...env,
      },
    });
}

const wranglerEnv = { CI: "1", WRANGLER_SEND_METRICS: "false", CLOUDFLARE_CF_FETCH_ENABLED: "false" };

async function workerdLauncher(
  folder: string,
  port: number,
  env: Record<string, string>,
  config: string,
): Promise<() => Running> {
  const persist = join(folder, "state");
  const envFile = join(folder, "dev.vars");
  const vars = { RM_SECRET_KEY: randomBytes(32).toString("base64url"), ...env };
  writeFileSync(
    envFile,
    Object.entries(vars)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(""),
    { mode: 0o600 },
  );
  const shared = { cwd: root, env: { ...wranglerEnv, WRANGLER_LOG_PATH: join(folder, "logs") } };
  const migrated = await runProcess(
    nodeBinary,
    [wrangler, "d1", "migrations", "apply", "DB", "--local", "--persist-to", persist, "--config", config],
    shared,
  );
  if (migrated.code !== 0) throw new Error(`migrations failed:\n${migrated.stdout}\n${migrated.stderr}`);
  const inspector = await freePort();
  const args = ["--ip", "127.0.0.1", "--port", String(port), "--inspector-port", String(inspector)];
  return () =>
    startProcess(
      nodeBinary,
      [wrangler, "dev", "--config", config, ...args, "--persist-to", persist, "--env-file", envFile],
      shared,
    );
}

export interface Plan {
  address: string;
  password: string;
  env?: Record<string, string>;
  createRepository?: boolean;
  paths: string[];
  excludes?: string[];
  hostName?: string;
  /** The restic this host runs. */
  restic: string;
  /** Where the agent dials, when not the product itself (a proxy that can be cut). */
  origin?: string;
  /** Runs the agent as this user instead of the test's own. */
  uid?: number;
  /** An agent with Node inside to run instead of the bundle. */
  agentFile?: string;
}

export interface TestAgent {
  readonly hostId: string;
  readonly stateDir: string;
  readonly configDir: string;
  start(): Promise<void>;
  /** SIGTERM; settles when it has ended. */
  stop(): Promise<void>;
  /** SIGKILL to the agent alone; its restic lives on until the agent's next start. */
  kill(): Promise<void>;
  log(): string;
  pid(): number;
}

/** Enrols an agent through the API as an operator would, and starts it; settles when the host is online. */
export async function joinHost(api: ConsoleApi, plan: Plan): Promise<TestAgent> {
  const folder = temporaryFolder("agent");
  const dirs = ["--config-dir", join(folder, "config"), "--state-dir", join(folder, "state")];
  const bundle = join(root, "dist/agent/restic-manager-agent.cjs");
  const env = { PATH: `${dirname(plan.restic)}:${process.env["PATH"]}`, HOME: folder };
  const program: [string, ...string[]] = plan.agentFile === undefined ? [nodeBinary, bundle] : [plan.agentFile];
  const asUser = (args: string[]): [string, string[]] =>
    plan.uid === undefined
      ? [program[0], [...program.slice(1), ...args]]
      : ["setpriv", [`--reuid=${plan.uid}`, `--regid=${plan.uid}`, "--clear-groups", ...program, ...args]];
  if (plan.uid !== undefined) {
    for (const dir of ["config", "state"]) mkdirSync(join(folder, dir), { mode: 0o700 });
    await runProcess("chown", ["-R", `${plan.uid}:${plan.uid}`, folder]);
  }
  const { token, enrollment } = await api.send<{ token: string; enrollment: { id: string } }>(
    "POST",
    "/api/enrollment-tokens",
    {
      hostName: plan.hostName ?? "test-host",
      repository: {
        address: plan.address,
        password: plan.password,
        createRepository: plan.createRepository ?? true,
        ...(plan.env ? { env: plan.env } : {}),
      },
      paths: plan.paths,
      excludes: plan.excludes ?? [],
    },
  );
  const [command, args] = asUser(["enroll", "--server", plan.origin ?? api.origin, ...dirs]);
  const enrolled = await runProcess(command, args, { env: { ...env, RM_TOKEN: token } });
  if (enrolled.code !== 0) throw new Error(`enroll failed:\n${enrolled.stdout}\n${enrolled.stderr}`);
  const { hostId } = await api.get<{ hostId?: string }>(`/api/enrollment-tokens/${enrollment.id}`);
  if (hostId === undefined) throw new Error("the token was not used");

  let running: Running | null = null;
  let before = "";
  const agent: TestAgent = {
    hostId,
    stateDir: join(folder, "state"),
    configDir: join(folder, "config"),
    log: () => before + (running ? running.stdout() + running.stderr() : ""),
    pid() {
      if (!running) throw new Error("the agent does not run");
      return running.pid;
    },
    async start() {
      const [runCommand, runArgs] = asUser(["run", ...dirs]);
      running = startProcess(runCommand, runArgs, { env });
    },
    async stop() {
      await running?.stop(30_000);
      before = agent.log();
      running = null;
    },
    async kill() {
      await running?.kill();
      before = agent.log();
      running = null;
    },
  };
  await agent.start();
  await hostOnline(api, hostId, agent);
  return agent;
}

/** Waits until the host is online and holds its credentials. */
export async function hostOnline(api: ConsoleApi, hostId: string, agent?: TestAgent): Promise<HostDetail> {
  try {
    return await waitFor("the host to be online", async () => {
      const host = await api.get<HostDetail>(`/api/hosts/${hostId}`).catch(() => null);
      return host?.online && host.appliedConfigVersion === host.configVersion ? host : null;
    });
  } catch (error) {
    throw new Error(`${String(error)}\nthe agent said:\n${agent?.log() ?? ""}`, { cause: error });
  }
}

export async function askJob(api: ConsoleApi, hostId: string, body: object = { kind: "backup" }): Promise<JobResource> {
  return api.send<JobResource>("POST", `/api/hosts/${hostId}/jobs`, body);
}

/** Waits for the job's verdict. */
export async function jobEnd(api: ConsoleApi, jobId: string, timeoutMs = 120_000): Promise<JobResource> {
  return waitFor(
    "the job to end",
    async () => {
      const job = await api.get<JobResource>(`/api/jobs/${jobId}`).catch(() => null);
      return job && TERMINAL_STATES.has(job.state) ? job : null;
    },
    { timeoutMs, everyMs: 150 },
  );
}

export interface CuttableLine {
  readonly origin: string;
  /** Drops every connection and refuses new ones until `mend`. */
  cut(): void;
  mend(): void;
  stop(): Promise<void>;
}

/** A TCP relay on loopback in front of `origin`, whose line a test can cut. */
export async function cuttableLine(origin: string): Promise<CuttableLine> {
  const target = new URL(origin);
  const sockets = new Set<Socket>();
  let whole = true;
  const server: Server = createServer((near) => {
    if (!whole) {
      near.destroy();
      return;
    }
    const far = connect(Number(target.port), target.hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from
        .on("error", () => {})
        .on("close", () => {
          sockets.delete(from);
          to.destroy();
        });
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port was given");
  const drop = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    origin: `http://127.0.0.1:${address.port}`,
    cut() {
      whole = false;
      drop();
    },
    mend() {
      whole = true;
    },
    async stop() {
      drop();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Files that do not compress, so that a backup of them takes a while: `count` files of `sizeBytes`. */
export function makeSource(folder: string, count: number, sizeBytes: number): string {
  const path = join(folder, "source");
  if (!existsSync(path)) mkdirSync(path, { recursive: true });
  for (let i = 0; i < count; i++)
    writeFileSync(join(path, `file-${String(i).padStart(4, "0")}.bin`), randomBytes(sizeBytes));
  return path;
}
