import type { JobSpec } from "../../../protocol/wire.ts";
import { formatCount } from "../../restic/amounts.ts";
import { describeHolder } from "../../restic/locks.ts";
import { unlockAllArgv, unlockArgv } from "../../restic/unlock.ts";
import { failedRun, failedWith, type ResticSession, type Verdict } from "../session.ts";
import { tellText } from "./told-progress.ts";

type UnlockSpec = Extract<JobSpec, { kind: "unlock" }>;

/** Locks that a measurement tells of. */
const MAX_LOCKS = 100;

/** Removes stale locks, or all when that was asked, and looks what is left: restic says nothing of locks it leaves alone. */
export async function unlock(spec: UnlockSpec, session: ResticSession): Promise<Verdict | null> {
  const { repositoryId } = spec;
  session.phase("unlock");
  const run = await session.run(spec.removeAll ? unlockAllArgv : unlockArgv, { onStdout: tellText(session, "unlock") });
  if (run.failure) return session.stopped ? null : failedRun(run, "restic.failed");
  const locks = await session.locks(MAX_LOCKS);
  if (session.stopped) return null;
  if (!locks) {
    const why = "The locks were removed, but what is left could not be listed. Run the job again to see it.";
    return failedWith("restic.failed", why, true);
  }
  session.record([{ type: "measured", atMs: session.nowMs(), repositoryId, locks }]);
  for (const lock of locks) session.say("agent", `Still locked by ${describeHolder(lock)}`, "warning");
  if (locks.length === 0) session.say("agent", "The repository has no lock");
  else if (!spec.removeAll)
    session.say("agent", `${formatCount(locks.length, "lock")} of a live restic stay; wait until it has finished`);
  return { outcome: "succeeded", result: { kind: "unlock", locksLeft: locks.length } };
}
