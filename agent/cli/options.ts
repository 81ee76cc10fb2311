import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { ConfigError } from "../config/config.ts";
import type { Directories } from "../config/directories.ts";

export interface CliOptions {
  command: "enroll" | "announce" | "run" | "status" | "version" | "policy" | "service";
  /** What follows the command; only policy and service take any. */
  words: string[];
  directories: Directories;
  server: string | null;
  allowPlainWs: boolean;
  json: boolean;
  /** With run: the end of standard input is a stop, as the signals are. */
  stopWithStdin: boolean;
}

export const USAGE = `restic-manager-agent: runs restic on this host for a restic-manager server

  restic-manager-agent enroll --server URL   join a server; the token comes from RM_TOKEN or stdin
  restic-manager-agent announce --server URL ask a server to be let in; an administrator accepts it in the console
  restic-manager-agent run                   stay connected and run jobs
  restic-manager-agent status                what this host is, and whether it is connected
  restic-manager-agent version [--json]      versions of the agent, Node and restic
  restic-manager-agent policy show [--json]  what the server may ask of this host
  restic-manager-agent policy set KEY VALUE… change it; lists take a word per entry, or none
  restic-manager-agent policy allow-repository ADDRESS
  restic-manager-agent policy init           write policy.yaml with its defaults, and the folder hooks.d
  restic-manager-agent service install       have the system run the agent, from boot on; safe to repeat
  restic-manager-agent service uninstall     end that; configuration, state and backups stay
  restic-manager-agent service start|stop|status
  restic-manager-agent service unit          print the systemd unit that install writes

  --config-dir DIR   folder of agent.yaml (RM_CONFIG_DIR, /etc/restic-manager, %ProgramData%\\restic-manager)
  --state-dir DIR    folder of jobs, credentials and cache (RM_STATE_DIR, /var/lib/restic-manager,
                     %ProgramData%\\restic-manager\\state)
  --allow-plain-ws   with enroll and announce: accept a server without TLS that is not on this machine; only for a lab
  --stop-with-stdin  with run: stop when standard input ends; how the Windows service stops it

  RM_CERT_SHA256     with enroll and announce: SHA-256 of the server's TLS certificate, which is then the only one accepted
`;

const COMMANDS = ["enroll", "announce", "run", "status", "version", "policy", "service"] as const;

/** What the command line asks for; throws a ConfigError with the usage when it cannot be understood. */
export function readOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  defaults: Directories,
): CliOptions {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        server: { type: "string" },
        "config-dir": { type: "string" },
        "state-dir": { type: "string" },
        "allow-plain-ws": { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        "stop-with-stdin": { type: "boolean", default: false },
      },
    });
    const command = COMMANDS.find((name) => name === positionals[0]);
    const words = positionals.slice(1);
    if (!command || (words.length > 0 && command !== "policy" && command !== "service"))
      throw new Error(`Name one command: ${COMMANDS.join(", ")}.`);
    return {
      command,
      words,
      directories: {
        config: resolve(values["config-dir"] ?? env["RM_CONFIG_DIR"] ?? defaults.config),
        state: resolve(values["state-dir"] ?? env["RM_STATE_DIR"] ?? defaults.state),
      },
      server: values.server ?? null,
      allowPlainWs: values["allow-plain-ws"],
      json: values.json,
      stopWithStdin: values["stop-with-stdin"],
    };
  } catch (error) {
    throw new ConfigError(`${(error as Error).message}\n\n${USAGE}`);
  }
}
