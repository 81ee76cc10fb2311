import type { JobSpec } from "../../protocol/wire.ts";
import { isSystemError } from "../disk/atomic-file.ts";
import { backUp } from "./kinds/backup.ts";
import { check } from "./kinds/check.ts";
import { forget } from "./kinds/forget.ts";
import { makeRepository } from "./kinds/init.ts";
import { prune } from "./kinds/prune.ts";
import { listSnapshots } from "./kinds/snapshots.ts";
import { measure } from "./kinds/stats.ts";
import { unlock } from "./kinds/unlock.ts";
import { failedVerdict, failedWith, ResticSession, type JobHost, type SessionJob, type Verdict } from "./session.ts";

/**
 * Runs one job to its verdict. `stop` in `job` ends it early; the caller knows why, so such a verdict is null. Nothing
 * secret outlives the call.
 */
export async function runJob(spec: JobSpec, job: SessionJob, host: JobHost): Promise<Verdict | null> {
  job.record({ type: "phased", atMs: host.nowMs(), phase: "prepare" });
  const opened = await ResticSession.open(job, host, { reach: true });
  if (job.stop.aborted) return null;
  if (!opened.ok) {
    job.record({
      type: "logged",
      atMs: host.nowMs(),
      stream: "agent",
      level: "error",
      text: opened.failure.detail ?? opened.failure.message,
    });
    return failedVerdict(opened.failure);
  }
  const session = opened.value;
  try {
    const verdict = await runKind(spec, session, host);
    if (verdict) return { ...verdict, resticVersion: session.resticVersion };
    // restic removes its own lock on SIGINT, but not when it had to be killed.
    await session.unlock();
    return null;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return failedWith("restic.failed", `The job could not be started on this host: ${error.message}.`, true);
  }
}

async function runKind(spec: JobSpec, session: ResticSession, host: JobHost): Promise<Verdict | null> {
  switch (spec.kind) {
    case "backup":
      return backUp(spec, session, host);
    case "check":
      return check(spec, session, host);
    case "forget":
      return forget(spec, session, host);
    case "prune":
      return prune(spec, session, host);
    case "unlock":
      return unlock(spec, session);
    case "stats":
      return measure(spec, session, host);
    case "init":
      return makeRepository(session);
    case "snapshots":
      return listSnapshots(spec.repositoryId, session);
  }
}
