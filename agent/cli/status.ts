import { loadConfig } from "../config/config.ts";
import { configFile, statePath } from "../config/directories.ts";
import { JoinStore } from "../link/join-store.ts";
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
    machine: machineText(platform.machineFacts()),
    connections: new JoinStore(statePath(directories, "join")).join,
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

/** As the console shows it, to be compared when two machines claim one host. */
function machineText({ hardware, network, machineId }: Record<string, string>): string {
  const shown = { hardware, "network card": network, "machine id": machineId };
  return Object.entries(shown)
    .map(([name, hash]) => `${name} ${hash?.slice(0, 8) ?? "unknown"}`)
    .join(", ");
}
