import type { HostStatus } from "../../protocol/api.ts";
import type { JobState } from "../../protocol/stream.ts";
import type { JobKind, JobPhase } from "../../protocol/wire.ts";

/** Which of the pill's colours a status takes; `ok` and `quiet` are text only. */
export type Tone = "ok" | "warn" | "bad" | "run" | "idle" | "quiet" | "okfill";

export interface StatusWords {
  word: string;
  icon: string;
  tone: Tone;
}

export const HOST_STATUS: Record<HostStatus, StatusWords> = {
  failing: { word: "Failing", icon: "bad", tone: "bad" },
  late: { word: "Late", icon: "late", tone: "warn" },
  warnings: { word: "Warnings", icon: "warn", tone: "warn" },
  offline: { word: "Offline", icon: "offline", tone: "idle" },
  new: { word: "No backup yet", icon: "todo", tone: "quiet" },
  protected: { word: "Protected", icon: "ok", tone: "ok" },
};

export const JOB_STATE: Record<JobState, StatusWords> = {
  held: { word: "Held", icon: "paused", tone: "warn" },
  queued: { word: "Queued", icon: "todo", tone: "idle" },
  running: { word: "Running", icon: "run", tone: "run" },
  succeeded: { word: "Succeeded", icon: "ok", tone: "ok" },
  failed: { word: "Failed", icon: "bad", tone: "bad" },
  cancelled: { word: "Cancelled", icon: "stop", tone: "idle" },
  unknown: { word: "Unknown", icon: "offline", tone: "idle" },
};

/** How a job's row reads: a success with warnings is told apart from a clean one. */
export function jobStatus(job: { state: JobState; warnings: number }): StatusWords {
  if (job.state === "succeeded" && job.warnings > 0)
    return { word: job.warnings === 1 ? "1 warning" : `${job.warnings} warnings`, icon: "warn", tone: "warn" };
  return JOB_STATE[job.state];
}

export const JOB_KIND: Record<JobKind, { noun: string; doing: string; verb: string }> = {
  backup: { noun: "Backup", doing: "Backing up", verb: "backup" },
  check: { noun: "Check", doing: "Checking", verb: "check" },
  forget: { noun: "Forget", doing: "Forgetting snapshots of", verb: "forget" },
  prune: { noun: "Prune", doing: "Pruning", verb: "prune" },
  unlock: { noun: "Unlock", doing: "Unlocking", verb: "unlock" },
  stats: { noun: "Measurement", doing: "Measuring", verb: "measurement" },
  init: { noun: "Repository creation", doing: "Creating the repository of", verb: "creation" },
  snapshots: { noun: "Snapshot list", doing: "Listing the snapshots of", verb: "listing" },
};

/** What stands in place of the percentage while there is none. */
export const PHASE_DOING: Record<JobPhase, string> = {
  prepare: "Starting",
  pre_hook: "Running the pre hook",
  lock: "Waiting for a lock",
  init: "Creating the repository",
  scan: "Counting",
  upload: "Backing up",
  check: "Checking",
  forget: "Forgetting",
  prune: "Pruning",
  unlock: "Unlocking",
  measure: "Measuring",
  list: "Listing snapshots",
  post_hook: "Running the post hook",
};

export const PHASE: Record<JobPhase, string> = {
  prepare: "Prepare",
  pre_hook: "Pre hook",
  lock: "Wait for lock",
  init: "Create repository",
  scan: "Scan",
  upload: "Back up",
  check: "Check",
  forget: "Forget",
  prune: "Prune",
  unlock: "Unlock",
  measure: "Measure",
  list: "List snapshots",
  post_hook: "Post hook",
};
