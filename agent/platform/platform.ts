import type { Directories } from "../config/directories.ts";

/** A process as the journal keeps it: a pid alone could by now be somebody else's. */
export interface ProcessMark {
  pid: number;
  /** Start time in the kernel's own unit. */
  startTicks: string;
  /** Which boot it belongs to. */
  bootId: string;
}

/** What differs between operating systems. */
export interface Platform {
  defaultDirectories: Directories;
  /** File name of restic, and the absolute folders to look for it in after those of PATH. */
  resticName: string;
  resticFolders: readonly string[];
  /** Makes a folder that only the agent's account and administrators can enter; mends one that is there where it can. */
  privateFolder(path: string): void;
  /** `linux` or `windows`, and the processor as restic's and Debian's builds call it. */
  os: string;
  arch: string;
  /**
   * What tells this machine from a copy of its disk: `hardware` and `network` are hashes of what a copy elsewhere does
   * not have, `machineId` (a hash) and `hostname` come along with it. No serial number leaves in clear.
   */
  machineFacts(): Record<string, string>;
  /** Null when the process is not there. */
  markProcess(pid: number): ProcessMark | null;
  isAlive(mark: ProcessMark): boolean;
  /** Alive, or dead and still on the process list. */
  isListed(mark: ProcessMark): boolean;
  /** Pids of what is left of a job: the marked process, its group, and whatever carries RM_JOB_ID=jobId. */
  findOrphans(jobId: string, child: ProcessMark | null): number[];
  /** Signals a child that leads a process group, and its group; false when it is gone or another user's. */
  signalGroup(pid: number, signal: "SIGINT" | "SIGKILL"): boolean;
}
