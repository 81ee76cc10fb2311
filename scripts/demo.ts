import { execFile, spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createWriteStream, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import type { HostDetail, JobResource, MeResource, Page, SnapshotResource, StatusResource } from "../protocol/api.ts";
import { ApiError, consoleApi, type ConsoleApi } from "./console-api.ts";

/**
 * The whole product on one machine, in loopback: server, console, agent, repository, first backup. It uses nothing but
 * what an operator has: the HTTP API, the agent's own commands and restic. State lives in .demo/.
 */

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, ".demo");
const { values: options } = parseArgs({
  options: { once: { type: "boolean", default: false }, path: { type: "string", default: root } },
});
const path = resolve(options.path);
const say = (text: string) => process.stdout.write(`${text}\n`);

interface DemoState {
  port: number;
  username: string;
  password: string;
  repositoryPassword: string;
  path: string;
  hostId: string | null;
}

/** What ends the demo with a sentence instead of a stack. */
class DemoError extends Error {}

async function main(): Promise<void> {
  if (!existsSync(path)) throw new DemoError(`There is no ${path}. Name an existing folder with --path.`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const state = await loadState();
  const server = await startServer(state);
  const children = [server.child];
  const stop = async () => {
    for (const child of children.toReversed()) await stopChild(child);
  };
  const asked = new Promise<void>((done) => {
    process.on("SIGINT", () => done());
    process.on("SIGTERM", () => done());
  });
  const gone = () =>
    Promise.race(children.map((child) => new Promise<void>((done) => child.once("exit", () => done()))));
  try {
    await Promise.race([run(), asked.then(() => say("Stopping"))]);
  } finally {
    await stop();
  }

  async function run(): Promise<void> {
    const api = consoleApi(`http://127.0.0.1:${state.port}`);
    await signIn(api, state, server.bootstrapToken);
    if (!(await isEnrolled(api, state))) await enroll(api, state);
    children.push(startAgent());
    const host = await waitForHost(api, state);
    const job = await Promise.race([
      backUp(api, host),
      gone().then(() => {
        throw new DemoError("The server or the agent stopped in the middle of the backup.");
      }),
    ]);
    await checkSnapshot(api, state, host, job);
    await addSchedules(api, host);
    say(`\nThe console: ${api.origin}`);
    say(`Sign in as:  ${state.username}`);
    say(`Password:    ${state.password}`);
    if (!options.once) {
      say(`\nIt stays up until you press Ctrl C. Remove ${folder} to start afresh.`);
      await gone();
    }
  }
}

async function loadState(): Promise<DemoState> {
  const file = join(folder, "state.json");
  if (existsSync(file)) {
    const state = JSON.parse(readFileSync(file, "utf8")) as DemoState;
    if (state.path !== path && process.argv.some((arg) => arg.startsWith("--path"))) {
      throw new DemoError(`This demo backs up ${state.path}. To back up ${path}, remove ${folder} and run it again.`);
    }
    return state;
  }
  const state: DemoState = {
    port: await freePort(8080),
    username: "admin",
    password: randomBytes(12).toString("base64url"),
    repositoryPassword: randomBytes(24).toString("base64url"),
    path,
    hostId: null,
  };
  writeFileSync(join(folder, "secret.key"), `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600 });
  saveState(state);
  return state;
}

function saveState(state: DemoState): void {
  writeFileSync(join(folder, "state.json"), `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
}

/** `wanted` when nothing listens there, else any free port of loopback. */
async function freePort(wanted: number): Promise<number> {
  for (const port of [wanted, 0]) {
    const listener = createServer();
    const found = await new Promise<number | null>((done) => {
      listener.once("error", () => done(null));
      listener.listen(port, "127.0.0.1", () => {
        const address = listener.address();
        done(typeof address === "object" && address ? address.port : null);
      });
    });
    await new Promise<void>((done) => listener.close(() => done()));
    if (found !== null) return found;
  }
  throw new DemoError("No port of 127.0.0.1 is free.");
}

async function startServer(state: DemoState): Promise<{ child: ChildProcess; bootstrapToken: () => string | null }> {
  say(`Starting the server on http://127.0.0.1:${state.port}`);
  const child = spawn(process.execPath, [join(root, "dist/server/main.js")], {
    env: {
      ...process.env,
      RM_DATA_DIR: join(folder, "server"),
      RM_SECRET_KEY_FILE: join(folder, "secret.key"),
      RM_LISTEN: `127.0.0.1:${state.port}`,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let token: string | null = null;
  let failed: number | null = null;
  child.once("exit", (code) => (failed = code ?? 1));
  const lines: string[] = [];
  const log = createWriteStream(join(folder, "server.log"), { flags: "a", mode: 0o600 });
  createInterface({ input: child.stdout! }).on("line", (line) => {
    log.write(`${line}\n`);
    token ??= /rmb_[A-Za-z0-9_-]{43}/.exec(line)?.[0] ?? null;
    if (lines.push(line) > 20) lines.shift();
  });
  for (let waitedMs = 0; waitedMs < 30_000; waitedMs += 100) {
    if (failed !== null) throw new DemoError(`The server stopped with exit code ${failed}:\n${lines.join("\n")}`);
    const ready = await fetch(`http://127.0.0.1:${state.port}/readyz`).catch(() => null);
    if (ready?.ok) return { child, bootstrapToken: () => token };
    await sleep(100);
  }
  await stopChild(child);
  throw new DemoError(`The server did not get ready within 30 s:\n${lines.join("\n")}`);
}

async function signIn(api: ConsoleApi, state: DemoState, bootstrapToken: () => string | null): Promise<void> {
  const { setupNeeded } = await api.get<StatusResource>("/api/status");
  const account = { username: state.username, password: state.password };
  if (!setupNeeded) {
    await api.send<MeResource>("POST", "/api/login", account);
    return;
  }
  const token = bootstrapToken();
  if (token === null) throw new DemoError("The server's log shows no set-up token.");
  say("Creating the first administrator");
  await api.send<MeResource>("POST", "/api/bootstrap", { token, ...account });
}

const agentFolders = ["--config-dir", join(folder, "agent/config"), "--state-dir", join(folder, "agent/state")];
const agentBundle = join(root, "dist/agent/restic-manager-agent.cjs");

async function isEnrolled(api: ConsoleApi, state: DemoState): Promise<boolean> {
  if (state.hostId === null) return false;
  return await api.get(`/api/hosts/${state.hostId}`).then(
    () => true,
    () => false,
  );
}

async function enroll(api: ConsoleApi, state: DemoState): Promise<void> {
  say(`Enrolling this machine, to back up ${state.path}`);
  const { token, enrollment } = await api.send<{ token: string; enrollment: { id: string } }>(
    "POST",
    "/api/enrollment-tokens",
    {
      hostName: "this-machine",
      tags: ["demo"],
      repository: {
        address: join(folder, "repository"),
        password: state.repositoryPassword,
        createRepository: true,
      },
      paths: [state.path],
      excludes: [join(root, "node_modules"), folder],
    },
  );
  const child = spawn(process.execPath, [agentBundle, "enroll", "--server", api.origin, ...agentFolders], {
    env: { ...process.env, RM_TOKEN: token },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const code = await new Promise<number | null>((done) => child.once("exit", done));
  if (code !== 0) throw new DemoError(`The agent did not enrol (exit code ${code}).`);
  const used = await api.get<{ hostId?: string }>(`/api/enrollment-tokens/${enrollment.id}`);
  if (used.hostId === undefined) throw new DemoError("The server did not see the agent enrol.");
  state.hostId = used.hostId;
  saveState(state);
}

function startAgent(): ChildProcess {
  say("Starting the agent");
  return spawn(process.execPath, [agentBundle, "run", ...agentFolders], { stdio: ["ignore", "ignore", "inherit"] });
}

async function waitForHost(api: ConsoleApi, state: DemoState): Promise<HostDetail> {
  for (let waitedMs = 0; waitedMs < 30_000; waitedMs += 200) {
    const host = await api.get<HostDetail>(`/api/hosts/${state.hostId}`);
    if (host.online && host.appliedConfigVersion === host.configVersion) return host;
    await sleep(200);
  }
  throw new DemoError("The agent did not connect within 30 s.");
}

async function backUp(api: ConsoleApi, host: HostDetail): Promise<JobResource> {
  say(`Backing up with restic ${host.resticVersion}\n`);
  let job = await askForBackup(api, host);
  let shown = 0;
  for (;;) {
    await sleep(500);
    job = await api.get<JobResource>(`/api/jobs/${job.id}`);
    const log = await api.text(`/api/jobs/${job.id}/log`);
    process.stdout.write(log.slice(shown));
    shown = log.length;
    if (job.state === "succeeded") return job;
    if (job.state === "failed" || job.state === "cancelled") {
      throw new DemoError(`The backup ${job.state}: ${job.failure?.message ?? ""} ${job.lastError ?? ""}`);
    }
  }
}

/** A host counts as online for 90 s after its last word: just after a restart its agent may still be on its way. */
async function askForBackup(api: ConsoleApi, host: HostDetail): Promise<JobResource> {
  for (let waitedMs = 0; ; waitedMs += 500) {
    try {
      return await api.send<JobResource>("POST", `/api/hosts/${host.id}/jobs`, { kind: "backup" });
    } catch (error) {
      const isOffline = error instanceof ApiError && error.problem?.code === "host.offline";
      if (!isOffline || waitedMs >= 30_000) throw error;
      await sleep(500);
    }
  }
}

/** The proof: the server lists the snapshot, and so does restic itself on the repository. */
async function checkSnapshot(api: ConsoleApi, state: DemoState, host: HostDetail, job: JobResource): Promise<void> {
  const id = job.summary?.snapshotId;
  if (id === undefined) throw new DemoError("The backup reported no snapshot.");
  const listed = await api.get<Page<SnapshotResource>>(`/api/hosts/${host.id}/snapshots`);
  if (!listed.items.some((snapshot) => snapshot.id === id)) throw new DemoError(`The server does not list ${id}.`);
  const { stdout } = await promisify(execFile)("restic", ["snapshots", "--json", "--no-lock"], {
    env: {
      ...process.env,
      RESTIC_REPOSITORY: join(folder, "repository"),
      RESTIC_PASSWORD: state.repositoryPassword,
      RESTIC_CACHE_DIR: join(folder, "cache"),
    },
    maxBuffer: 64 * 1024 * 1024,
  });
  const known = JSON.parse(stdout) as { id: string }[];
  if (!known.some((snapshot) => snapshot.id === id)) throw new DemoError(`restic does not list snapshot ${id}.`);
  say(`\nSnapshot ${id.slice(0, 8)} is listed by the server and by restic itself.`);
}

/** What runs by itself from now on, as long as the demo does: the agent fires it, with the server up or down. */
async function addSchedules(api: ConsoleApi, host: HostDetail): Promise<void> {
  const [first] = host.schedules;
  if (first?.kind !== "backup" || host.schedules.length > 1) return;
  const { repositoryId, paths, excludes } = first;
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions();
  const timed = { repositoryId, enabled: true, manual: false, timeZone };
  await api.send("POST", `/api/hosts/${host.id}/schedules`, {
    ...timed,
    kind: "backup",
    name: "hourly",
    cron: "0 * * * *",
    paths,
    excludes,
    retention: { keep: { hourly: 24, daily: 7, weekly: 5 }, when: "after_backup" },
  });
  await api.send("POST", `/api/hosts/${host.id}/schedules`, {
    ...timed,
    kind: "check",
    name: "weekly check",
    cron: "0 6 * * SAT",
    readData: { mode: "rotate", days: 30 },
  });
  say("Added an hourly backup that keeps 24 hourly, 7 daily and 5 weekly snapshots, and a weekly check.");
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise<void>((done) => child.once("exit", () => done()));
  child.kill("SIGTERM");
  const gone = await Promise.race([exited.then(() => true), sleep(20_000, false, { ref: false })]);
  if (!gone) child.kill("SIGKILL");
  await exited;
}

try {
  await main();
} catch (error) {
  if (!(error instanceof DemoError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
