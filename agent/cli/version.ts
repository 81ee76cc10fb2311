import { PROTOCOL_VERSION } from "../../protocol/limits.ts";
import type { Platform } from "../platform/platform.ts";
import { ResticFinder } from "../restic/find.ts";
import { formatVersion } from "../restic/version.ts";
import { AGENT_COMMIT, AGENT_VERSION } from "../version.ts";
import type { CliOptions } from "./options.ts";

/** What `version --json` prints, on one line. */
export interface VersionReport {
  version: string;
  /** Null when the agent runs from source. */
  commit: string | null;
  protocol: number;
  node: string;
  /** As the downloads are named: `linux-amd64`. */
  platform: string;
  /** The restic on PATH, 0.14 or newer; null when there is none. */
  restic: { path: string; version: string } | null;
}

/** Versions of all that takes part, for people or as one JSON object. */
export async function describeVersion(options: CliOptions, platform: Platform): Promise<string> {
  const found = await new ResticFinder(null, platform).find();
  const restic = found.ok ? { path: found.value.file, version: formatVersion(found.value.version) } : null;
  const report: VersionReport = {
    version: AGENT_VERSION,
    commit: AGENT_COMMIT,
    protocol: PROTOCOL_VERSION,
    node: process.versions.node,
    platform: `${platform.os}-${platform.arch}`,
    restic,
  };
  if (options.json) return JSON.stringify(report);
  const parts = [
    report.platform,
    ...(report.commit ? [`commit ${report.commit.replace(/^(.{12})[^-]*/, "$1")}`] : []),
    `Node ${report.node}`,
    restic ? `restic ${restic.version} at ${restic.path}` : "no restic found",
  ];
  return `restic-manager-agent ${report.version} (${parts.join(", ")})`;
}
