import { text } from "node:stream/consumers";
import type { RandomBytes } from "../../core/ids.ts";
import { forgetAnnouncedKeys } from "../announce/kept-keys.ts";
import { ConfigError, saveConfig } from "../config/config.ts";
import { enrollHost } from "../enroll.ts";
import type { Platform } from "../platform/platform.ts";
import { describeExisting, prepareJoin } from "./prepare-join.ts";
import type { CliOptions } from "./options.ts";

/** Joins a server, once: a second call keeps the identity this host has. */
export async function enroll(options: CliOptions, platform: Platform, random: RandomBytes): Promise<string> {
  const existing = describeExisting(options.directories);
  if (existing !== null) return existing;
  const { plan, missing } = await prepareJoin(options, platform, random);
  const enrolled = await enrollHost(plan, await readToken());
  if (!enrolled.ok) throw new ConfigError(enrolled.failure.message);
  saveConfig(options.directories, enrolled.value);
  // It may have announced itself before somebody gave it a token.
  forgetAnnouncedKeys(options.directories);
  return `Enrolled as host ${enrolled.value.hostId} at ${enrolled.value.server}.${missing}`;
}

/** The token never comes by argv, which every user of the machine can read. */
async function readToken(): Promise<string> {
  const given = process.env["RM_TOKEN"] ?? (process.stdin.isTTY ? "" : await text(process.stdin));
  const token = given.trim();
  if (token === "")
    throw new ConfigError("There is no enrolment token. Set RM_TOKEN, or give the token on standard input.");
  return token;
}
