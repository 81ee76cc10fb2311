import { performance } from "node:perf_hooks";
import type { RandomBytes } from "../../core/ids.ts";
import { startAgent } from "../agent.ts";
import { ConfigError, loadConfig } from "../config/config.ts";
import { checkServer } from "../link/server-url.ts";
import { makeLog } from "../log.ts";
import type { Platform } from "../platform/platform.ts";
import { readPolicy } from "../policy/policy-file.ts";
import { makeRedactor } from "../restic/redact.ts";
import { lockState } from "../state-lock.ts";
import { AGENT_VERSION } from "../version.ts";
import type { CliOptions } from "./options.ts";

/** Runs until SIGTERM, SIGINT or, where asked, the end of standard input, and then ends what runs cleanly. */
export async function run(options: CliOptions, platform: Platform, random: RandomBytes): Promise<void> {
  const { directories } = options;
  process.umask(0o077);
  const config = loadConfig(directories);
  const server = checkServer(config.server, config.allowPlainWs);
  if (!server.ok) throw new ConfigError(server.failure.message);
  const policy = readPolicy(directories);
  if (!policy.ok) throw new ConfigError(policy.failure.message);
  const unlockState = lockState(directories, platform);
  const log = makeLog(
    (line) => process.stderr.write(line),
    Date.now,
    makeRedactor([config.bearer, config.signKey, config.sealKey, config.vaultKey]),
  );
  // restic sends SIGHUP to the process a lock names, to see whether it lives; a recycled pid may be this one.
  process.on("SIGHUP", () => log.info("SIGHUP: nothing to reload"));
  log.info(`restic-manager-agent ${AGENT_VERSION} starts as host ${config.hostId}`);
  const agent = startAgent({
    config,
    directories,
    server: server.value,
    platform,
    env: process.env,
    log,
    nowMs: Date.now,
    monotonicMs: () => performance.now(),
    after: (afterMs, task) => {
      const timer = setTimeout(task, afterMs);
      return () => clearTimeout(timer);
    },
    randomBytes: random,
    random: Math.random,
  });
  await new Promise<void>((resolve) => {
    // Stopping restic clean takes up to 10 s: a signal that is repeated meanwhile must not end the agent before it.
    process.on("SIGTERM", () => resolve());
    process.on("SIGINT", () => resolve());
    // Windows has no signal that a service could send: what supervises the agent there closes this pipe instead.
    if (options.stopWithStdin) process.stdin.on("close", () => resolve()).resume();
  });
  log.info("stopping");
  await agent.stop();
  unlockState();
  log.info("stopped");
}
