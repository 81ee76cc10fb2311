import { loadConfig } from "../config/config.ts";
import { configFile } from "../config/directories.ts";
import type { Platform } from "../platform/platform.ts";
import { runningAgent } from "../state-lock.ts";
import { readStatus } from "../status-file.ts";
import type { CliOptions } from "./options.ts";

/** What this host is and whether its agent is connected; never a secret. */
export function describeStatus(options: CliOptions, platform: Platform): string {
  const { directories } = options;
  const config = loadConfig(directories);
  const running = runningAgent(directories, platform);
  const link = running ? readStatus(directories) : null;
  const about = {
    host: config.hostId,
    hostname: config.hostname,
    server: config.server,
    config: configFile(directories),
    state: directories.state,
    agent: running ? `running, process ${running.pid}` : "not running",
    connection: link === null ? "none" : link.connected ? `connected since ${isoTime(link.sinceMs)}` : link.why,
  };
  if (options.json) return JSON.stringify(about);
  return Object.entries(about)
    .map(([name, value]) => `${`${name}:`.padEnd(12)} ${value}`)
    .join("\n");
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
