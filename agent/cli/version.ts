import { PROTOCOL_VERSION } from "../../protocol/limits.ts";
import type { Platform } from "../platform/platform.ts";
import { ResticFinder } from "../restic/find.ts";
import { formatVersion } from "../restic/version.ts";
import { AGENT_VERSION } from "../version.ts";
import type { CliOptions } from "./options.ts";

/** Versions of all that takes part, for people or as one JSON object. */
export async function describeVersion(options: CliOptions, platform: Platform): Promise<string> {
  const restic = await new ResticFinder(null, platform).find();
  const about = {
    agent: AGENT_VERSION,
    protocol: PROTOCOL_VERSION,
    node: process.versions.node,
    platform: `${platform.os}-${platform.arch}`,
    restic: restic.ok ? formatVersion(restic.value.version) : null,
    resticPath: restic.ok ? restic.value.file : null,
  };
  if (options.json) return JSON.stringify(about);
  const found = restic.ok ? `restic ${about.restic} at ${about.resticPath}` : "no restic found";
  return `restic-manager-agent ${about.agent} (${about.platform}, Node ${about.node}, ${found})`;
}
