import { setTimeout as sleep } from "node:timers/promises";
import type { Platform, ProcessMark } from "../platform/platform.ts";

/** SIGKILL is not refused; a process in uninterruptible sleep only takes it later. */
const DEAD_WITHIN_MS = 30_000;
/** A container may have nobody who takes dead processes off the list. */
const REAPED_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 50;

/**
 * Kills what a former run of the agent left of a job: by group, by pid and start time, and by RM_JOB_ID in the
 * environment, since the agent may have died before it kept the pid (PROTOCOL section 6). Waits until they are dead,
 * and off the process list too: until then restic takes their lock for a live one. Answers
 * whether all are dead.
 */
export async function killOrphans(jobId: string, child: ProcessMark | null, platform: Platform): Promise<boolean> {
  const seen = new Map<number, ProcessMark>(child ? [[child.pid, child]] : []);
  const look = () => {
    const pids = platform.findOrphans(jobId, child);
    for (const pid of pids) {
      const mark = platform.markProcess(pid);
      if (mark) seen.set(pid, mark);
      kill(pid);
    }
    return pids.length === 0;
  };
  const dead = await until(look, DEAD_WITHIN_MS);
  await until(() => [...seen.values()].every((mark) => !platform.isListed(mark)), REAPED_WITHIN_MS);
  return dead;
}

async function until(done: () => boolean, withinMs: number): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < withinMs; waitedMs += LOOK_EVERY_MS) {
    if (done()) return true;
    await sleep(LOOK_EVERY_MS);
  }
  return done();
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    // Another user's, such as what a hook started with sudo: it is waited for, and told of when it stays.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ESRCH" && code !== "EPERM") throw error;
  }
}
