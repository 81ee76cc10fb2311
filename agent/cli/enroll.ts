import { existsSync, rmSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { RandomBytes } from "../../core/ids.ts";
import { ConfigError, loadConfig, saveConfig } from "../config/config.ts";
import { configFile, type Directories } from "../config/directories.ts";
import { writeFileAtomically } from "../disk/atomic-file.ts";
import { enrollHost } from "../enroll.ts";
import { checkServer } from "../link/server-url.ts";
import type { Platform } from "../platform/platform.ts";
import { ResticFinder } from "../restic/find.ts";
import { formatVersion } from "../restic/version.ts";
import { AGENT_VERSION } from "../version.ts";
import type { CliOptions } from "./options.ts";

const DIAL_WITHIN_MS = 15_000;

/** Joins a server, once: a second call keeps the identity this host has. */
export async function enroll(options: CliOptions, platform: Platform, random: RandomBytes): Promise<string> {
  const { directories } = options;
  if (options.server === null) throw new ConfigError("Name the server: restic-manager-agent enroll --server URL");
  const server = checkServer(options.server, options.allowPlainWs);
  if (!server.ok) throw new ConfigError(server.failure.message);
  if (existsSync(configFile(directories))) return describeExisting(directories);

  const certSha256 = readPin(process.env["RM_CERT_SHA256"]);
  const token = await readToken();
  // Before the token is spent: the answer to it must find a place.
  checkWritable(directories, platform);
  const restic = await new ResticFinder(null, platform).find();
  const enrolled = await enrollHost({
    server: server.value,
    token,
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
  });
  if (!enrolled.ok) throw new ConfigError(enrolled.failure.message);
  saveConfig(directories, enrolled.value);
  const missing = restic.ok ? "" : `\n${restic.failure.message}`;
  return `Enrolled as host ${enrolled.value.hostId} at ${enrolled.value.server}.${missing}`;
}

function describeExisting(directories: Directories): string {
  const { hostId, server } = loadConfig(directories);
  return (
    `This host is enrolled already, as ${hostId} at ${server}; nothing was changed. ` +
    `To enrol it anew, remove ${configFile(directories)} and ${directories.state} first.`
  );
}

/** The token never comes by argv, which every user of the machine can read. */
async function readToken(): Promise<string> {
  const given = process.env["RM_TOKEN"] ?? (process.stdin.isTTY ? "" : await text(process.stdin));
  const token = given.trim();
  if (token === "")
    throw new ConfigError("There is no enrolment token. Set RM_TOKEN, or give the token on standard input.");
  return token;
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
