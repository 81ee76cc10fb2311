import { mkdirSync, rmSync } from "node:fs";
import { fromBase64url } from "../core/bytes.ts";
import type { RandomBytes } from "../core/ids.ts";
import { sign } from "../core/secrets/sign.ts";
import { PROTOCOL_VERSION } from "../protocol/limits.ts";
import { fail, ok } from "../protocol/failure.ts";
import { helloProof, type Hello, type ServerMessage } from "../protocol/wire.ts";
import type { AgentConfig } from "./config/config.ts";
import { statePath, type Directories } from "./config/directories.ts";
import { isSystemError } from "./disk/atomic-file.ts";
import { Jobs } from "./jobs/jobs.ts";
import { Journal } from "./jobs/journal.ts";
import { LinkClient } from "./link/client.ts";
import { JoinStore } from "./link/join-store.ts";
import { socketUrl } from "./link/server-url.ts";
import { SpoolBudget } from "./link/spool/budget.ts";
import type { AgentLog } from "./log.ts";
import type { Platform } from "./platform/platform.ts";
import { openHooks } from "./hooks/open-hooks.ts";
import { HostRules } from "./policy/host-rules.ts";
import { JudgedUnder, type JudgedSet } from "./policy/judged-under.ts";
import { hooksFolder, pinFile, policyCommandOf, readPolicy } from "./policy/policy-file.ts";
import { RepositoryPin } from "./policy/repository-pin.ts";
import { destinationOf } from "./restic/environment.ts";
import { ResticFinder } from "./restic/find.ts";
import { formatVersion } from "./restic/version.ts";
import { KeptSchedules, type WholeSet } from "./schedule/kept-schedules.ts";
import { Scheduler } from "./schedule/scheduler.ts";
import { Watermarks } from "./schedule/watermarks.ts";
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
  /** Runs `task` once, `afterMs` from now; answers how to call it off. */
  after(afterMs: number, task: () => void): () => void;
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
  const schedules = new KeptSchedules(statePath(directories, "schedules.json"));
  const join = new JoinStore(statePath(directories, "join"));
  const finder = new ResticFinder(config.restic, platform);
  const signKey = fromBase64url(config.signKey)!;
  const policy = () => readPolicy(directories);
  const pin = new RepositoryPin(pinFile(directories));
  const atStart = policy();
  if (atStart.ok && atStart.value.allowRepositories === "first") pinWhatIsHeld(pin, vault, log);
  const judged = new JudgedUnder(statePath(directories, "judged.json"));
  const rules = new HostRules({
    policy,
    pin,
    command: policyCommandOf(directories, platform),
    openHooks: (scheduleId, sealed) =>
      openHooks({ hostId: config.hostId, sealKey: fromBase64url(config.sealKey)! }, scheduleId, sealed),
    addressOf(repositoryId) {
      const access = vault.access(repositoryId);
      return access.ok ? ok(destinationOf(access.value)) : access;
    },
  });
  let resticVersion = "";
  /** The rules as the server knows them. */
  let toldRules = rules.fingerprint("config");

  const journal = Journal.open({
    directory: statePath(directories, "jobs"),
    budget: new SpoolBudget(),
    nowMs,
    after: world.after,
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
      policy,
      nowMs,
    },
    rules,
    hooksFolder: hooksFolder(directories),
    isLinked: () => link.isLive,
    onProgress: (jobId, progress) => link.progress(jobId, progress),
  });

  const scheduler = new Scheduler({
    hostId: config.hostId,
    kept: schedules,
    watermarks: new Watermarks(statePath(directories, "fires.json")),
    fire: (fire) => jobs.fire(fire),
    onLook() {
      if (rules.fingerprint("config") !== toldRules) link.renew("the policy or the hooks of this host have changed");
    },
    log,
    nowMs,
    after: world.after,
  });

  const hello = (nonce: string): Hello => {
    toldRules = rules.fingerprint("config");
    const allowed = policy();
    if (!allowed.ok) log.warn(allowed.failure.message);
    // Under another policy the sets are judged anew; under none that can be read, each job says so.
    const judgedAnew = (set: JudgedSet) => allowed.ok && !judged.is(set, rules.fingerprint(set));
    return {
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
      scheduleVersion: judgedAnew("schedule") ? 0 : schedules.version,
      configVersion: judgedAnew("config") ? 0 : vault.version(),
      timeMs: nowMs(),
      ...(allowed.ok ? { policy: allowed.value } : {}),
      jobs: journal.hello(),
    };
  };

  const applySchedules = async (whole: WholeSet): Promise<void> => {
    const judgedUnder = rules.fingerprint("schedule");
    const set = await schedules.apply(whole, (schedule) => rules.scheduleRefusal(schedule));
    if (!set) return;
    for (const { id, message: why } of set.refused) log.warn(`schedule ${id} is refused: ${why}`);
    judged.keep("schedule", judgedUnder);
    scheduler.look();
    // To a later hello the version was told.
    if (link.isLive) link.send({ type: "schedule.applied", ...set });
  };
  /** Unapplied and unanswered, so that the server sends it again. */
  const notKept = (message: ServerMessage, error: unknown): void => {
    if (!isSystemError(error)) throw error;
    log.warn(`${message.type} could not be kept: ${error.message}`);
  };
  let applied: Promise<void> = Promise.resolve();

  const onCommand = (message: ServerMessage, serverNowMs: number): void => {
    switch (message.type) {
      case "job.start":
        return jobs.start(message, serverNowMs);
      case "job.cancel":
        return jobs.cancel(message.jobId);
      case "schedule.set": {
        const whole = schedules.collect(message);
        // One after the other: judging one takes as long as the host's file systems do.
        if (whole)
          applied = applied.then(async () => applySchedules(whole)).catch((error: unknown) => notKept(message, error));
        return;
      }
      case "config.update": {
        if (message.version < vault.version()) return;
        // Kept all the same, so that root's word is enough to use them: each job is judged before it runs.
        const unreadable = vault.apply(message);
        const forbidden = rules.refusedDestinations(vault.destinations());
        for (const { id } of unreadable) log.warn(`the credentials of repository ${id} were not sealed for this host`);
        for (const { id, message: why } of forbidden) log.warn(`repository ${id} is refused: ${why}`);
        // What this host pinned by itself is no news to the server.
        toldRules = rules.fingerprint("config");
        judged.keep("config", toldRules);
        return link.send({
          type: "config.applied",
          version: message.version,
          refused: [...unreadable, ...forbidden],
        });
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
        notKept(message, error);
      }
    },
    onStatus: (connected, why) => writeStatus(directories, { connected, sinceMs: nowMs(), why }),
  });

  link.start();
  scheduler.look();
  const recovered = jobs.recover();
  return {
    async stop() {
      scheduler.stop();
      await jobs.stop();
      await recovered;
      await link.stop(LAST_WORDS_MS);
    },
  };
}

/** A host whose credentials are older than its policy pins their addresses now, before the server names others. */
function pinWhatIsHeld(pin: RepositoryPin, vault: Vault, log: AgentLog): void {
  try {
    pin.pinFirst(vault.destinations().map(({ address }) => address));
  } catch (error) {
    if (!isSystemError(error)) throw error;
    log.warn(`the addresses of the repositories could not be pinned: ${error.message}`);
  }
}
