import { existsSync, rmSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { RandomBytes } from "../../core/ids.ts";
import { ConfigError, loadConfig } from "../config/config.ts";
import { configFile, type Directories } from "../config/directories.ts";
import { writeFileAtomically } from "../disk/atomic-file.ts";
import type { JoinPlan } from "../enroll.ts";
import { checkServer } from "../link/server-url.ts";
import type { Platform } from "../platform/platform.ts";
import { ResticFinder } from "../restic/find.ts";
import { formatVersion } from "../restic/version.ts";
import { AGENT_VERSION } from "../version.ts";
import type { CliOptions } from "./options.ts";

const DIAL_WITHIN_MS = 15_000;

/**
 * What joining a server needs, checked before anything is sent: the answer must find a place. `missing` is a line for
 * the terminal when there is no restic, else empty. Throws a ConfigError.
 */
export async function prepareJoin(
  options: CliOptions,
  platform: Platform,
  random: RandomBytes,
): Promise<{ plan: JoinPlan; missing: string }> {
  if (options.server === null)
    throw new ConfigError(`Name the server: restic-manager-agent ${options.command} --server URL`);
  const server = checkServer(options.server, options.allowPlainWs);
  if (!server.ok) throw new ConfigError(server.failure.message);
  const certSha256 = readPin(process.env["RM_CERT_SHA256"]);
  checkWritable(options.directories, platform);
  const restic = await new ResticFinder(null, platform).find();
  const plan: JoinPlan = {
    server: server.value,
    about: {
      hostname: hostname(),
      os: platform.os,
      arch: platform.arch,
      agentVersion: AGENT_VERSION,
      resticVersion: restic.ok ? formatVersion(restic.value.version) : "",
      machineFacts: platform.machineFacts(),
    },
    dialOptions: { env: process.env, certSha256, timeoutMs: DIAL_WITHIN_MS },
    allowPlainWs: options.allowPlainWs,
    random,
  };
  return { plan, missing: restic.ok ? "" : `\n${restic.failure.message}` };
}

/** What is said of a host that has joined already; null when it has not. */
export function describeExisting(directories: Directories): string | null {
  if (!existsSync(configFile(directories))) return null;
  const { hostId, server } = loadConfig(directories);
  return (
    `This host is enrolled already, as ${hostId} at ${server}; nothing was changed. ` +
    `To enrol it anew, remove ${configFile(directories)} and ${directories.state} first.`
  );
}

function readPin(given: string | undefined): string | null {
  if (given === undefined || given === "") return null;
  const pin = given.replaceAll(":", "").toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(pin))
    throw new ConfigError("RM_CERT_SHA256 must be 64 hex digits, the SHA-256 of the certificate.");
  return pin;
}

function checkWritable(directories: Directories, platform: Platform): void {
  for (const folder of [directories.config, directories.state]) {
    try {
      platform.privateFolder(folder);
      const probe = join(folder, ".probe");
      writeFileAtomically(probe, "");
      rmSync(probe);
    } catch (error) {
      if (error instanceof ConfigError) throw error;
      throw new ConfigError(
        `${folder} cannot be written: ${(error as Error).message}. Run this as root, or name another folder.`,
      );
    }
  }
}
