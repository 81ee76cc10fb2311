import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { hostname, release, version } from "node:os";
import { dirname, win32 } from "node:path";
import { defaultDirectories } from "../config/directories.ts";
import type { Platform } from "./platform.ts";
import { runSystemCommand } from "./system-command.ts";
import { needServiceProgram, runServiceProgram } from "./windows-program.ts";

/** A start time counts from 1601 and not from the boot, so it tells the boots apart too. */
const ANY_BOOT = "windows";

let machineId: string | null | undefined;

export const windows: Platform = {
  defaultDirectories: defaultDirectories("win32", process.env),
  os: "windows",
  arch: process.arch === "x64" ? "amd64" : process.arch,
  resticName: "restic.exe",
  resticFolders: resticFolders(process.env),
  privateFolder: secureFolder,

  machineFacts() {
    machineId ??= readMachineId();
    return {
      kernel: release(),
      hostname: hostname(),
      distribution: version(),
      ...(machineId === null ? {} : { machineId }),
    };
  },

  markProcess(pid) {
    const startTicks = startOf(pid);
    return startTicks === null ? null : { pid, startTicks, bootId: ANY_BOOT };
  },

  isAlive(mark) {
    return startOf(mark.pid) === mark.startTicks;
  },

  isListed(mark) {
    return startOf(mark.pid) === mark.startTicks;
  },

  // What a job has started is in the job object of restic-manager-service.exe, which ends with the agent. An agent in a
  // terminal leaves restic alone in none; what it started ends by itself when its pipes to restic break.
  findOrphans(_jobId, child) {
    return child && startOf(child.pid) === child.startTicks ? [child.pid] : [];
  },

  signalGroup(pid, signal) {
    return runServiceProgram(signal === "SIGINT" ? "interrupt" : "kill", String(pid)).code === 0;
  },
};

/** Makes a folder that only SYSTEM and Administrators can enter, or mends the access list of one that is there. */
export function secureFolder(path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  needServiceProgram("secure", path);
}

/**
 * Where installers put restic. A service gets the PATH that was in force when Windows started, so that a restic which
 * was installed since is not on it.
 */
export function resticFolders(env: Readonly<Record<string, string | undefined>>): string[] {
  const programs = env["ProgramFiles"] ?? String.raw`C:\Program Files`;
  const data = env["ProgramData"] ?? String.raw`C:\ProgramData`;
  return [
    win32.join(programs, "restic"),
    win32.join(programs, "restic-manager"),
    win32.join(data, "chocolatey", "bin"),
  ];
}

function startOf(pid: number): string | null {
  const { code, output } = runServiceProgram("started", String(pid));
  return code === 0 ? output : null;
}

/** A keyed hash: the identifier itself stays on the host. */
function readMachineId(): string | null {
  const key = String.raw`HKLM\SOFTWARE\Microsoft\Cryptography`;
  const { output } = runSystemCommand(["reg.exe", "query", key, "/v", "MachineGuid", "/reg:64"]);
  const guid = /MachineGuid\s+REG_SZ\s+([0-9a-fA-F-]{36})/.exec(output)?.[1];
  return guid === undefined ? null : createHash("sha256").update(`rm-machine-1\n${guid.toLowerCase()}`).digest("hex");
}
