import { fail } from "../../protocol/failure.ts";
import { RESEND_FIRST_MS } from "../../protocol/limits.ts";
import { scheduleOf } from "../../protocol/wire.ts";
import type { Effects } from "./effects.ts";
import { awaitAnswer, endByServer } from "./jobs.ts";
import type { QueuedJob } from "./queued-job.ts";
import { isTerminal, newJob, type Job, type RelayState } from "./state.ts";
import { configIsIn } from "./pushed-sets.ts";

const LOCKED_WORDS =
  "Two machines claim to be this host. An administrator has to pick the right one on the host's page first.";

/** Takes a job that a route has written down. A known id is a no-op: the route and the sweeper may both offer it. */
export function queueCommand(state: RelayState, queued: QueuedJob, nowMs: number, effects: Effects): void {
  if (state.jobs.has(queued.jobId)) return;
  if (state.kept.locked) {
    effects.answer = fail("host.locked", LOCKED_WORDS);
    return;
  }
  const expired = queued.notAfterMs <= nowMs;
  if (!state.live && !expired && !queued.cancelAsked) {
    effects.answer = fail("host.offline", "The host is offline. Run the job when it is back.", { retry: true });
    return;
  }
  const job = newJob({
    jobId: queued.jobId,
    kind: queued.spec.kind,
    source: "asked",
    repositoryId: queued.spec.repositoryId,
    scheduleId: scheduleOf(queued.spec),
    createdAtMs: queued.createdAtMs,
  });
  job.spec = queued.spec;
  job.lent = queued.lent ?? null;
  job.notAfterMs = queued.notAfterMs;
  state.jobs.set(job.jobId, job);
  effects.saveJobs.add(job);
  effects.tellState.add(job.jobId);
  if (queued.cancelAsked) endByServer(job, "cancelled", nowMs, effects);
  else if (expired) endByServer(job, "job.expired", nowMs, effects);
  else sendOwed(state, nowMs, effects);
}

/** Unsent: cancelled at once and for good. Sent: only the agent, or a hello, may settle it (PROTOCOL section 4.2). */
export function cancelCommand(state: RelayState, jobId: string, nowMs: number, effects: Effects): void {
  const job = state.jobs.get(jobId);
  if (!job) {
    effects.answer = fail("job.not_found", "This host has no such job.");
    return;
  }
  if (isTerminal(job)) {
    effects.answer = fail("job.already_finished", "The job has already finished.");
    return;
  }
  if (!job.sent) {
    endByServer(job, "cancelled", nowMs, effects);
    return;
  }
  if (job.cancelAsked) return;
  job.cancelAsked = true;
  effects.saveJobs.add(job);
  effects.tellState.add(jobId);
  if (state.live) sendCancel(job, nowMs, effects);
}

/** What a live agent is owed and has not been sent: jobs, after the credentials they need. */
export function sendOwed(state: RelayState, nowMs: number, effects: Effects): void {
  if (!state.live || state.kept.locked || !configIsIn(state.kept)) return;
  for (const job of state.jobs.values()) {
    if (!job.sent && !isTerminal(job)) sendStart(job, nowMs, effects);
  }
}

/** Sends again what a live agent has left unanswered for its time. */
export function resendDue(state: RelayState, nowMs: number, effects: Effects): void {
  if (!state.live || state.kept.locked) return;
  for (const job of state.jobs.values()) {
    if (isTerminal(job) || job.resendAtMs === null || job.resendAtMs > nowMs) continue;
    if (job.cancelAsked) sendCancel(job, nowMs, effects);
    else if (!job.accepted && configIsIn(state.kept)) sendStart(job, nowMs, effects);
  }
}

/** `sent` is saved in the turn that sends, hence before it: save comes first. */
export function sendStart(job: Job, nowMs: number, effects: Effects): void {
  if (job.spec === null || job.notAfterMs === null) return;
  job.sent = true;
  awaitAnswer(job, nowMs);
  effects.saveJobs.add(job);
  effects.send.push({
    to: "agent",
    message: {
      type: "job.start",
      jobId: job.jobId,
      spec: job.spec,
      notAfterMs: job.notAfterMs,
      ...(job.lent ? { lent: job.lent } : {}),
    },
  });
}

/** A cancel is repeated every 30 s until the verdict, without growing: someone is waiting for it. */
export function sendCancel(job: Job, nowMs: number, effects: Effects): void {
  job.resendAtMs = nowMs + RESEND_FIRST_MS;
  effects.saveJobs.add(job);
  effects.send.push({ to: "agent", message: { type: "job.cancel", jobId: job.jobId } });
}
