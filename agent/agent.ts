import { mkdirSync, rmSync } from "node:fs";
import { fromBase64url } from "../core/bytes.ts";
import type { RandomBytes } from "../core/ids.ts";
import { sign } from "../core/secrets/sign.ts";
import { PROTOCOL_VERSION } from "../protocol/limits.ts";
import { fail } from "../protocol/failure.ts";
import { helloProof, type Hello, type ServerMessage } from "../protocol/wire.ts";
import type { AgentConfig } from "./config/config.ts";
import { statePath, type Directories } from "./config/directories.ts";
import { isSystemError } from "./disk/atomic-file.ts";
import { Jobs } from "./jobs/jobs.ts";
import { Journal } from "./jobs/journal.ts";
import { Schedules } from "./jobs/schedules.ts";
import { LinkClient } from "./link/client.ts";
import { JoinStore } from "./link/join-store.ts";
import { socketUrl } from "./link/server-url.ts";
import { SpoolBudget } from "./link/spool/budget.ts";
import type { AgentLog } from "./log.ts";
import type { Platform } from "./platform/platform.ts";
import { ResticFinder } from "./restic/find.ts";
import { formatVersion } from "./restic/version.ts";
import { writeStatus } from "./status-file.ts";
import { Vault } from "./vault/vault.ts";
import { AGENT_VERSION } from "./version.ts";

export interface AgentWorld {
  config: AgentConfig;
  directories: Directories;
  server: URL;
  platform: Platform;
  env: NodeJS.ProcessEnv;
  log: AgentLog;
  nowMs(): number;
  monotonicMs(): number;
  randomBytes: RandomBytes;
  /** 0..1. */
  random(): number;
}

const DIAL_WITHIN_MS = 15_000;
/** On a stop, how long the last records may take to reach the server; they are on disk in any case. */
const LAST_WORDS_MS = 3_000;

/** Wires the parts of a running agent and starts it; `stop` ends it cleanly and loses nothing. */
export function startAgent(world: AgentWorld): { stop(): Promise<void> } {
  const { config, directories, platform, log, nowMs } = world;
  const runDirectory = statePath(directories, "run");
  rmSync(runDirectory, { recursive: true, force: true });
  mkdirSync(statePath(directories, "cache"), { recursive: true, mode: 0o700 });

  const vault = new Vault(statePath(directories, "secrets.enc"), config, world.randomBytes);
  const schedules = new Schedules(statePath(directories, "schedules.json"));
  const join = new JoinStore(statePath(directories, "join"));
  const finder = new ResticFinder(config.restic, platform);
  const signKey = fromBase64url(config.signKey)!;
  let resticVersion = "";

  const journal = Journal.open({
    directory: statePath(directories, "jobs"),
    budget: new SpoolBudget(),
    nowMs,
    after: (afterMs, task) => {
      const timer = setTimeout(task, afterMs);
      return () => clearTimeout(timer);
    },
    onKept: () => link.sendSoon(),
    onTrouble: (why) =>
      why === null
        ? log.info("the state folder can be written again")
        : log.warn(`trouble with the state folder, where records that cannot be written stay in memory: ${why}`),
  });
  const jobs = new Jobs({
    journal,
    log,
    host: {
      finder,
      vault,
      platform,
      hostname: config.hostname,
      ownEnv: world.env,
      cacheDirectory: statePath(directories, "cache"),
      runDirectory,
      rotationFile: statePath(directories, "checks.json"),
      ownSecrets: [config.bearer, config.signKey, config.sealKey, config.vaultKey],
      nowMs,
    },
    onProgress: (jobId, progress) => link.progress(jobId, progress),
  });

  const hello = (nonce: string): Hello => ({
    type: "hello",
    protocol: PROTOCOL_VERSION,
    agentVersion: AGENT_VERSION,
    resticVersion,
    os: platform.os,
    arch: platform.arch,
    hostname: config.hostname,
    machineFacts: platform.machineFacts(),
    join: join.join,
    signature: sign(signKey, helloProof(config.hostId, nonce, join.join)),
    scheduleVersion: schedules.version,
    configVersion: vault.version(),
    timeMs: nowMs(),
    jobs: journal.hello(),
  });

  const onCommand = (message: ServerMessage, serverNowMs: number): void => {
    switch (message.type) {
      case "job.start":
        return jobs.start(message, serverNowMs);
      case "job.cancel":
        return jobs.cancel(message.jobId);
      case "schedule.set":
        if (schedules.set(message)) link.send({ type: "schedule.applied", version: message.version, refused: [] });
        return;
      case "config.update": {
        if (message.version < vault.version()) return;
        const refused = vault.apply(message);
        for (const { id } of refused) log.warn(`the credentials of repository ${id} were not sealed for this host`);
        return link.send({ type: "config.applied", version: message.version, refused });
      }
      case "request": {
        const { failure } = fail("protocol.unsupported", `This agent does not know the request "${message.kind}".`);
        return link.send({ type: "response", requestId: message.requestId, ok: false, failure });
      }
      case "challenge":
      case "welcome":
      case "ack":
        return;
    }
  };

  const link = new LinkClient({
    url: socketUrl(world.server),
    bearer: config.bearer,
    dialOptions: { env: world.env, certSha256: config.certSha256, timeoutMs: DIAL_WITHIN_MS },
    join,
    journal,
    log,
    nowMs,
    monotonicMs: world.monotonicMs,
    random: world.random,
    async prepareHello() {
      const found = await finder.find();
      if (!found.ok) log.warn(found.failure.message);
      resticVersion = found.ok ? formatVersion(found.value.version) : "";
    },
    hello,
    onCommand(message, serverNowMs) {
      try {
        onCommand(message, serverNowMs);
      } catch (error) {
        // Unapplied and unanswered, so that the server sends it again.
        if (!isSystemError(error)) throw error;
        log.warn(`${message.type} could not be kept: ${error.message}`);
      }
    },
    onStatus: (connected, why) => writeStatus(directories, { connected, sinceMs: nowMs(), why }),
  });

  link.start();
  const recovered = jobs.recover();
  return {
    async stop() {
      await recovered;
      await jobs.stop();
      await link.stop(LAST_WORDS_MS);
    },
  };
}
