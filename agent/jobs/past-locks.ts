import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { fail } from "../../protocol/failure.ts";
import { LOCK_WAIT_MS } from "../../protocol/limits.ts";
import type { JobPhase, RepositoryLock } from "../../protocol/wire.ts";
import { formatDuration } from "../restic/amounts.ts";
import { describeHolder } from "../restic/locks.ts";
import type { JobHost, ResticRun, ResticSession } from "./session.ts";

/** restic takes a lock for stale when it is older than this, or when its process on the same host is gone. */
const STALE_AFTER_MS = 30 * 60_000;
/** Each look costs half a second of CPU: restic derives its key anew. */
const LOOK_EVERY_MS = 10_000;
const MAX_LOOKED_AT = 100;
/** A live restic writes its lock anew, under a new id, every five minutes (refreshInterval in its source). */
const REFRESHED_WITHIN_MS = 6 * 60_000;

export interface LockNeed {
  /** Whether the command needs the repository for itself: then every lock stands in its way, else only exclusive ones. */
  exclusive: boolean;
  /** The phase to go on with after a wait; null where the command tells its own. */
  phase: JobPhase | null;
}

/** What waiting needs of a session. */
export type LockSight = Pick<ResticSession, "nowMs" | "phase" | "say" | "locks" | "unlock" | "stop" | "stopped">;

/**
 * Runs `attempt` until no lock stands in its way. A lock that a dead process left is removed by restic's plain unlock:
 * at once when it is this machine's, and when it is another's after a look whether it is refreshed, for its age says
 * nothing where clocks differ. One that a live restic holds is waited for, in phase `lock`, and named when it stays too
 * long.
 */
export async function pastLocks(
  session: LockSight,
  host: Pick<JobHost, "lockWaitMs" | "lockPollMs" | "lockRefreshMs">,
  need: LockNeed,
  attempt: () => Promise<ResticRun>,
): Promise<ResticRun> {
  const waitMs = host.lockWaitMs ?? LOCK_WAIT_MS;
  const everyMs = host.lockPollMs ?? LOOK_EVERY_MS;
  const refreshMs = host.lockRefreshMs ?? REFRESHED_WITHIN_MS;
  /** By lock: over when it has not been refreshed for too long. */
  const seen = new Map<string, AbortSignal>();
  const healed = new Set<string>();
  /** By process: a refreshed lock tells a later time than the one it was first seen with. */
  const sinceMs = new Map<string, number>();
  let patience: AbortSignal | null = null;
  let told = "";

  const blocks = (lock: RepositoryLock) => need.exclusive || lock.exclusive;
  /** Null when the locks cannot be listed; `dead` is what unlock would take out of the way, and nothing alive with it. */
  const look = async (): Promise<{ blocking: RepositoryLock[]; dead: RepositoryLock[] } | null> => {
    const locks = await session.locks(MAX_LOOKED_AT);
    if (!locks) return null;
    for (const lock of locks) {
      if (!seen.has(lock.id)) seen.set(lock.id, AbortSignal.timeout(refreshMs));
      sinceMs.set(processOf(lock), Math.min(lock.timeMs, sinceMs.get(processOf(lock)) ?? lock.timeMs));
    }
    const stale = locks.filter((lock) => isStale(lock, session.nowMs()));
    const isSure = stale.every((lock) => lock.hostname === hostname() || seen.get(lock.id)?.aborted);
    const dead = isSure ? stale.filter((lock) => blocks(lock) && !healed.has(lock.id)) : [];
    return { blocking: locks.filter(blocks), dead };
  };

  for (;;) {
    const run = await attempt();
    if (run.failure?.code !== "repository.locked" || session.stopped) return run;
    let sight = await look();
    if (!sight?.dead.length) {
      patience ??= AbortSignal.timeout(waitMs);
      session.phase("lock");
      // Until the way looks free; what cannot be listed is found out by the next attempt.
      do {
        const [first] = sight?.blocking ?? [];
        const holder = first ? describeHolder({ ...first, timeMs: sinceMs.get(processOf(first))! }) : told;
        if (holder !== told) session.say("agent", `Waiting for the lock of ${holder}`);
        told = holder;
        await sleep(everyMs, null, { signal: AbortSignal.any([session.stop, patience]) }).catch(() => {});
        if (session.stopped) return { ...run, exit: { ...run.exit, stopped: true } };
        if (patience.aborted) return { ...run, failure: stillLocked(told, waitMs) };
        sight = await look();
      } while (sight && sight.blocking.length > 0 && sight.dead.length === 0);
      if (need.phase !== null) session.phase(need.phase);
    }
    if (!sight?.dead.length) continue;
    for (const lock of sight.dead) {
      healed.add(lock.id);
      session.say("agent", `A lock was left behind by ${describeHolder(lock)}: removing it`);
    }
    await session.unlock();
  }
}

function stillLocked(holder: string, waitMs: number): NonNullable<ResticRun["failure"]> {
  const who = holder === "" ? "another restic" : holder;
  const message =
    `The repository is locked: held by ${who}. It was still held after ${formatDuration(waitMs)} of waiting. ` +
    "Wait until that restic has finished and run the job again; if it is gone for good, unlock the repository.";
  return fail("repository.locked", message, { retry: true }).failure;
}

function processOf(lock: RepositoryLock): string {
  return `${lock.pid} ${lock.hostname}`;
}

/** Whether plain unlock removes this lock. */
function isStale(lock: RepositoryLock, nowMs: number): boolean {
  if (nowMs - lock.timeMs > STALE_AFTER_MS) return true;
  // The machine's own name, not the one fixed at enrolment: it is what restic writes into its locks.
  return lock.hostname === hostname() && lock.pid > 0 && !isRunning(lock.pid);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
