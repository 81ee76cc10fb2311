import { RESEND_FIRST_MS, RESEND_MAX_MS } from "../../protocol/limits.ts";
import type { Failure, FailureCode } from "../../protocol/failure.ts";
import type { JobState } from "../../protocol/stream.ts";
import type { JobRecord } from "../../protocol/wire.ts";
import type { Effects } from "./effects.ts";
import type { JobFact } from "./facts.ts";
import { isTerminal, type Job } from "./state.ts";

/** The moves of PROTOCOL section 6. Each change of state is one fact; the first verdict wins. */

/** Moves a job that has no verdict to another state. The same state is no move. */
export function moveJob(job: Job, state: JobState, nowMs: number, effects: Effects): void {
  if (job.state === state) return;
  job.state = state;
  job.factNo += 1;
  job.receivedAtMs = nowMs;
  effects.saveJobs.add(job);
  addJobFact(job, nowMs, effects);
  effects.tellState.add(job.jobId);
}

type Finished = Extract<JobRecord, { type: "finished" }>;

/** Ends a job by the agent's own word. A verdict after a verdict changes nothing and is noted. */
export function endByAgent(job: Job, record: Finished, nowMs: number, effects: Effects): void {
  if (isTerminal(job)) {
    effects.notes.push({
      event: "relay.late_verdict",
      fields: { jobId: job.jobId, state: job.state, said: record.outcome },
    });
    return;
  }
  job.finishedAtMs = record.atMs;
  job.warnings = record.warnings ?? 0;
  job.failure = record.failure ?? null;
  job.lastError = record.lastError ?? null;
  job.summary = record.summary ?? null;
  job.result = record.result ?? null;
  job.resticVersion = record.resticVersion ?? null;
  end(job, record.outcome, nowMs, effects);
}

/** Ends a job by the server's word: only where the agent cannot have it, or a hello says it has not. */
export function endByServer(job: Job, verdict: "cancelled" | FailureCode, nowMs: number, effects: Effects): void {
  if (verdict === "cancelled") {
    end(job, "cancelled", nowMs, effects);
    return;
  }
  job.failure = { code: verdict, message: WHY[verdict] ?? "The job failed.", retry: true } satisfies Failure;
  end(job, "failed", nowMs, effects);
}

const WHY: Partial<Record<FailureCode, string>> = {
  "job.expired": "The host did not take the job in time. Run it again when the host is online.",
  "job.lost": "The agent no longer knows this job, so its outcome cannot be told. Run it again.",
  "host.lost": "The host was silent for 30 days while the job ran.",
  "host.removed": "The host was deleted.",
  "protocol.unsupported": "The agent on this host is too old for this job. Update the agent.",
};

function end(job: Job, state: "succeeded" | "failed" | "cancelled", nowMs: number, effects: Effects): void {
  job.spec = null;
  job.lent = null;
  job.resendAtMs = null;
  moveJob(job, state, nowMs, effects);
  effects.ended.add(job.jobId);
}

/** Starts the wait after which an unanswered command goes out again; each wait is twice the last. */
export function awaitAnswer(job: Job, nowMs: number): void {
  job.resendMs = job.resendMs === 0 ? RESEND_FIRST_MS : Math.min(job.resendMs * 2, RESEND_MAX_MS);
  job.resendAtMs = nowMs + job.resendMs;
}

/** Within a turn a later fact of a job replaces the earlier one: it says all the earlier said. */
function addJobFact(job: Job, nowMs: number, effects: Effects): void {
  const fact = jobFact(job, nowMs);
  const at = effects.facts.findIndex((f) => f.fact === "job" && f.jobId === job.jobId);
  if (at < 0) effects.facts.push(fact);
  else effects.facts[at] = fact;
}

function jobFact(job: Job, nowMs: number): JobFact {
  return {
    fact: "job",
    jobId: job.jobId,
    factNo: job.factNo,
    kind: job.kind,
    state: job.state,
    source: job.source,
    repositoryId: job.repositoryId,
    scheduleId: job.scheduleId,
    createdAtMs: job.createdAtMs,
    nominalMs: job.nominalMs,
    missed: job.missed,
    startedAtMs: job.startedAtMs,
    finishedAtMs: job.finishedAtMs,
    receivedAtMs: nowMs,
    warnings: job.warnings,
    failure: job.failure,
    lastError: job.lastError,
    summary: job.summary,
    result: job.result,
    resticVersion: job.resticVersion,
  };
}
