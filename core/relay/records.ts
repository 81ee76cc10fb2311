import { CLOSE, MAX_JOBS_IN_HELLO } from "../../protocol/limits.ts";
import type { AgentMessage, JobRecord } from "../../protocol/wire.ts";
import type { Effects } from "./effects.ts";
import { endByAgent, moveJob } from "./jobs.ts";
import { isTerminal, newJob, type Job, type RelayState } from "./state.ts";

type JobEvents = Extract<AgentMessage, { type: "job.events" }>;
/** Why the socket must go: the close code and its reason. */
export interface Refusal {
  code: number;
  reason: string;
}

/**
 * Takes a batch of one job's stream (PROTOCOL section 5): repeats are dropped, a gap is refused, the rest is kept and
 * acknowledged. The first record of an id the relay does not know must be `accepted`: it creates the job. Any other
 * first record is refused like a gap, so a foreign or made-up id changes nothing.
 */
export function takeRecords(state: RelayState, message: JobEvents, nowMs: number, effects: Effects): Refusal | null {
  const known = state.jobs.get(message.jobId);
  const acked = known?.acked ?? 0;
  const last = message.first + message.records.length - 1;
  if (known && last <= acked) {
    effects.acks.set(message.jobId, acked);
    return null;
  }
  const hole = message.first - 1 - acked;
  if (hole > 0 && message.lost !== true) return { code: CLOSE.badFrame, reason: "gap in the job's records" };

  if (!known && state.jobs.size >= 2 * MAX_JOBS_IN_HELLO) return { code: CLOSE.slowDown, reason: "too many open jobs" };
  const job = known ?? createJob(state, message, nowMs, effects);
  if (!job) return { code: CLOSE.badFrame, reason: "unknown job" };

  if (hole > 0) {
    const mark: JobRecord = { type: "dropped", atMs: nowMs, lines: hole };
    effects.append.push({ jobId: job.jobId, first: acked + 1, last: acked + hole, records: [mark], from: 0 });
    effects.notes.push({ event: "relay.records_lost", fields: { jobId: job.jobId, records: hole } });
  }
  const from = Math.max(0, acked + 1 - message.first);
  const first = message.first + from;
  effects.append.push({ jobId: job.jobId, first, last, records: message.records, from });
  job.acked = last;
  effects.acks.set(job.jobId, last);
  for (let i = from; i < message.records.length; i++) applyRecord(job, message.records[i]!, nowMs, effects);
  return null;
}

/** The job that a stream begins: fired by the host on its own, or asked for before the server lost its memory. */
function createJob(state: RelayState, message: JobEvents, nowMs: number, effects: Effects): Job | null {
  const record = message.records[0]!;
  if (record.type !== "accepted" && message.lost !== true) return null;
  const job = newJob(
    record.type === "accepted"
      ? {
          jobId: message.jobId,
          kind: record.kind,
          source: record.source,
          repositoryId: record.repositoryId ?? null,
          scheduleId: record.scheduleId ?? null,
          // The agent's clock is data: a page of jobs must not begin with one from the future.
          createdAtMs: Math.min(record.atMs, nowMs),
        }
      : // A server that was rolled back has lost the record that names the kind; most jobs are backups.
        {
          jobId: message.jobId,
          kind: "backup",
          source: "asked",
          repositoryId: null,
          scheduleId: null,
          createdAtMs: Math.min(record.atMs, nowMs),
        },
  );
  if (record.type === "accepted") {
    job.nominalMs = record.nominalMs ?? null;
    job.missed = record.missed ?? 0;
  }
  job.sent = true;
  job.accepted = true;
  state.jobs.set(job.jobId, job);
  // The row in the database is made by this first fact: queued, number 1.
  job.state = "unknown";
  moveJob(job, "queued", nowMs, effects);
  return job;
}

function applyRecord(job: Job, record: JobRecord, nowMs: number, effects: Effects): void {
  switch (record.type) {
    case "logged":
    case "dropped":
    case "phased":
      if (job.state === "unknown") moveJob(job, "running", nowMs, effects);
      return;
    case "accepted":
      if (!job.accepted) {
        job.accepted = true;
        job.spec = null;
        job.lent = null;
        if (!job.cancelAsked) job.resendAtMs = null;
        effects.saveJobs.add(job);
      }
      if (job.state === "unknown") moveJob(job, "queued", nowMs, effects);
      return;
    case "started":
      if (isTerminal(job)) return;
      job.startedAtMs = record.atMs;
      moveJob(job, "running", nowMs, effects);
      return;
    case "snapshot":
      if (job.state === "unknown") moveJob(job, "running", nowMs, effects);
      effects.facts.push({
        fact: "snapshot",
        repositoryId: record.repositoryId,
        snapshot: record.snapshot,
        atMs: nowMs,
      });
      return;
    case "listed":
      if (job.state === "unknown") moveJob(job, "running", nowMs, effects);
      effects.facts.push({
        fact: "snapshotsListed",
        repositoryId: record.repositoryId,
        fromMs: record.fromMs,
        toMs: record.toMs,
        ids: record.ids,
        atMs: nowMs,
      });
      return;
    case "measured": {
      if (job.state === "unknown") moveJob(job, "running", nowMs, effects);
      const { type: _, atMs: __, ...measurement } = record;
      effects.facts.push({ fact: "measured", measurement, atMs: nowMs });
      return;
    }
    case "finished":
      endByAgent(job, record, nowMs, effects);
      return;
  }
}
