import type { ScheduleKind } from "../../protocol/schedule.ts";
import { backupVerdict, type BackupVerdict } from "../jobs/backup-verdict.ts";
import { neverRan } from "../jobs/never-ran.ts";
import type { JobFact } from "../relay/facts.ts";
import { dayOf } from "./days.ts";

export type RunOutcome = "succeeded" | "warnings" | "failed" | "cancelled";

/**
 * hosts.schedule_runs: for each schedule when it last ended, how, in which job, and when it last ended well. The job of
 * a forget schedule that found nothing to remove is "".
 */
export type ScheduleRuns = Record<
  string,
  readonly [lastAtMs: number, outcome: RunOutcome, jobId: string, lastGoodAtMs: number | null]
>;

/** The columns of a host that follow from its jobs' verdicts. Times in ms UTC, sizes in bytes. */
export interface HostKept {
  lastBackupAtMs: number | null;
  lastBackupJob: string | null;
  lastBackupOutcome: RunOutcome | null;
  lastBackupDurationMs: number | null;
  lastBackupAddedBytes: number | null;
  lastGoodBackupAtMs: number | null;
  sizeBytes: number | null;
  /** Worst outcome of the UTC day of the last backup: 1 succeeded, 2 warnings, 3 failed, 0 none. */
  dayOutcome: number;
  runs: ScheduleRuns;
}

/** A day that is over, with its last backup. `late`: only its outcome may still matter, the rest is known better. */
export interface EndedDay {
  day: number;
  outcome: number;
  durationMs: number | null;
  addedBytes: number | null;
  sizeBytes: number | null;
  late: boolean;
}

/** What of a host's schedules decides whose run a job was. */
export interface RunSchedule {
  id: string;
  kind: ScheduleKind;
  repositoryId: string;
  /** A backup schedule whose retention waits for a forget schedule. */
  forgetsBySchedule: boolean;
}

const DAY_OUTCOME = { succeeded: 1, warnings: 2, failed: 3 } as const;

/** Whether a fact is a verdict that a host or one of its schedules keeps; one that never ran says nothing of either. */
export function isVerdict(fact: JobFact): boolean {
  if (fact.state !== "succeeded" && fact.state !== "failed" && fact.state !== "cancelled") return false;
  if (neverRan(fact.failure)) return false;
  return fact.scheduleId !== null || (fact.kind === "backup" && fact.state !== "cancelled");
}

/**
 * The host after one more verdict: the same object when it says nothing new, so a repeat is no change. One that comes
 * after a newer one leaves that in place, and counts for its own day and for the last good backup only.
 */
export function afterVerdict(
  kept: HostKept,
  fact: JobFact,
  schedules: readonly RunSchedule[],
): { kept: HostKept; ended: EndedDay | null } {
  if (!isVerdict(fact)) return { kept, ended: null };
  const runs = afterRun(kept.runs, fact, schedules);
  const next = runs === kept.runs ? kept : { ...kept, runs };
  const verdict = backupVerdict(fact);
  return verdict ? afterBackup(next, verdict, fact.jobId) : { kept: next, ended: null };
}

function afterBackup(
  kept: HostKept,
  verdict: BackupVerdict,
  jobId: string,
): { kept: HostKept; ended: EndedDay | null } {
  const { atMs, outcome, durationMs, addedBytes, sizeBytes } = verdict;
  const rank = DAY_OUTCOME[outcome];
  const lastAtMs = kept.lastBackupAtMs;
  const isNewest = lastAtMs === null || lastAtMs < atMs || (lastAtMs === atMs && (kept.lastBackupJob ?? "") < jobId);
  const isNewestGood = outcome !== "failed" && (kept.lastGoodBackupAtMs === null || kept.lastGoodBackupAtMs < atMs);
  const isSameDay = lastAtMs !== null && dayOf(lastAtMs) === dayOf(atMs);
  const next = { ...kept };
  let ended: EndedDay | null = null;
  if (isNewest) {
    if (lastAtMs !== null && !isSameDay) ended = endOf(kept, lastAtMs);
    next.lastBackupAtMs = atMs;
    next.lastBackupJob = jobId;
    next.lastBackupOutcome = outcome;
    next.lastBackupDurationMs = durationMs;
    next.lastBackupAddedBytes = addedBytes;
    next.dayOutcome = isSameDay ? Math.max(kept.dayOutcome, rank) : rank;
  } else if (isSameDay) next.dayOutcome = Math.max(kept.dayOutcome, rank);
  else ended = { day: dayOf(atMs), outcome: rank, durationMs, addedBytes, sizeBytes, late: true };
  if (isNewestGood) {
    next.lastGoodBackupAtMs = atMs;
    next.sizeBytes = sizeBytes;
  }
  const changed = isNewest || isNewestGood || next.dayOutcome !== kept.dayOutcome;
  return { kept: changed ? next : kept, ended };
}

function endOf(kept: HostKept, lastAtMs: number): EndedDay {
  return {
    day: dayOf(lastAtMs),
    outcome: kept.dayOutcome,
    durationMs: kept.lastBackupDurationMs,
    addedBytes: kept.lastBackupAddedBytes,
    sizeBytes: kept.sizeBytes,
    late: false,
  };
}

function afterRun(runs: ScheduleRuns, fact: JobFact, schedules: readonly RunSchedule[]): ScheduleRuns {
  const outcome = fact.state === "succeeded" && fact.warnings > 0 ? "warnings" : (fact.state as RunOutcome);
  // A host whose clock runs ahead must not have run its schedules in the future.
  const atMs = Math.min(fact.finishedAtMs ?? fact.receivedAtMs, fact.receivedAtMs);
  const isGood = fact.state === "succeeded";
  let next = runs;
  for (const id of runOf(fact, schedules)) {
    const [lastAtMs, lastOutcome, lastJob, lastGoodAtMs] = runs[id] ?? [-1, outcome, "", null];
    const isNewest = lastAtMs < atMs || (lastAtMs === atMs && lastJob < fact.jobId);
    const goodAtMs = isGood && (lastGoodAtMs === null || lastGoodAtMs < atMs) ? atMs : lastGoodAtMs;
    if (!isNewest && goodAtMs === lastGoodAtMs) continue;
    const run: ScheduleRuns[string] = isNewest
      ? [atMs, outcome, fact.jobId, goodAtMs]
      : [lastAtMs, lastOutcome, lastJob, goodAtMs];
    next = { ...next, [id]: run };
  }
  return next;
}

/**
 * The schedules a job was a run of: its own, if that is of the job's kind. A forget names the backup schedule whose
 * snapshots it removes; it was a run of the forget schedules of that repository, if that one waits for them.
 */
function runOf(fact: JobFact, schedules: readonly RunSchedule[]): string[] {
  const own = schedules.find(({ id }) => id === fact.scheduleId);
  if (!own) return [];
  if (own.kind === fact.kind) return [own.id];
  if (fact.kind !== "forget" || !own.forgetsBySchedule) return [];
  return schedules
    .filter(({ kind, repositoryId }) => kind === "forget" && repositoryId === own.repositoryId)
    .map(({ id }) => id);
}
