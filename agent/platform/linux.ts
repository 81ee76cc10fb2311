import { readdirSync, readFileSync } from "node:fs";
import { defaultDirectories } from "../config/directories.ts";
import { makePrivateDirectory } from "../disk/atomic-file.ts";
import { linuxMachineFacts } from "./linux-machine.ts";
import type { Platform, ProcessMark } from "./platform.ts";

/** Architectures as Debian names them. */
const ARCH_NAMES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

export const linux: Platform = {
  defaultDirectories: defaultDirectories("linux", {}),
  os: "linux",
  resticName: "restic",
  resticFolders: [],
  privateFolder: makePrivateDirectory,
  arch: ARCH_NAMES[process.arch] ?? process.arch,

  machineFacts: () => linuxMachineFacts(),

  markProcess(pid) {
    const stat = readStat(pid);
    return stat ? { pid, startTicks: stat.startTicks, bootId: bootId() } : null;
  },

  isAlive(mark) {
    const stat = readStat(mark.pid);
    return stat !== null && stat.state !== "Z" && stat.startTicks === mark.startTicks && mark.bootId === bootId();
  },

  isListed(mark) {
    return readStat(mark.pid)?.startTicks === mark.startTicks && mark.bootId === bootId();
  },

  findOrphans(jobId, child) {
    const ours = new Set<number>();
    const group = child && ownsGroup(child) ? child.pid : null;
    for (const name of readdirSync("/proc")) {
      const pid = Number(name);
      if (!Number.isInteger(pid) || pid === process.pid) continue;
      const stat = readStat(pid);
      if (!stat || stat.state === "Z") continue;
      if (stat.group === group || carriesJob(pid, jobId)) ours.add(pid);
    }
    return [...ours];
  },

  signalGroup(pid, signal) {
    try {
      process.kill(-pid, signal);
      return true;
    } catch (error) {
      // EPERM: all that is left of the group belongs to another user, such as what a hook started with sudo.
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ESRCH" || code === "EPERM") return false;
      throw error;
    }
  },
};

interface Stat {
  state: string;
  group: number;
  startTicks: string;
}

/** Fields of /proc/PID/stat (proc_pid_stat(5)); the name in the second may hold spaces and brackets. */
function readStat(pid: number): Stat | null {
  const text = readText(`/proc/${pid}/stat`);
  if (text === null) return null;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, , group] = fields;
  const startTicks = fields[19];
  return state === undefined || startTicks === undefined ? null : { state, group: Number(group), startTicks };
}

/**
 * Whether the group of that number is still the child's: the kernel gives no new process the number of a group that
 * has members, so only a leader with another start time is somebody else's.
 */
function ownsGroup(child: ProcessMark): boolean {
  if (child.bootId !== bootId()) return false;
  const leader = readStat(child.pid);
  return leader === null || leader.startTicks === child.startTicks;
}

function carriesJob(pid: number, jobId: string): boolean {
  return readText(`/proc/${pid}/environ`)?.split("\0").includes(`RM_JOB_ID=${jobId}`) ?? false;
}

function bootId(): string {
  return readText("/proc/sys/kernel/random/boot_id")?.trim() ?? "";
}

/** Null when it is gone or another user's. */
function readText(path: string): string | null {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return null;
  }
}
