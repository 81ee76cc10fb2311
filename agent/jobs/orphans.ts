import { setTimeout as sleep } from "node:timers/promises";
import type { Platform, ProcessMark } from "../platform/platform.ts";

/** SIGKILL is not refused; a process in uninterruptible sleep only takes it later. */
const GONE_WITHIN_MS = 30_000;
const LOOK_EVERY_MS = 50;

/**
 * Kills what a former run of the agent left of a job, and waits until it is gone: by group, by pid and start time, and
 * by RM_JOB_ID in the environment, since the agent may have died before it kept the pid (PROTOCOL section 6). Answers
 * how many there were, and whether all are gone.
 */
export async function killOrphans(
  jobId: string,
  child: ProcessMark | null,
  platform: Platform,
): Promise<{ found: number; gone: boolean }> {
  const seen = new Set<number>();
  for (let waitedMs = 0; ; waitedMs += LOOK_EVERY_MS) {
    const pids = platform.findOrphans(jobId, child);
    if (pids.length === 0) return { found: seen.size, gone: true };
    if (waitedMs >= GONE_WITHIN_MS) return { found: seen.size, gone: false };
    for (const pid of pids) {
      seen.add(pid);
      kill(pid);
    }
    await sleep(LOOK_EVERY_MS);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
