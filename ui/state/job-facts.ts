import type { JobPhase, JobRecord } from "../../protocol/wire.ts";

/** What the records of a job say beside its lines. */
export interface JobFacts {
  startedAtMs: number | null;
  phases: readonly { phase: JobPhase; atMs: number }[];
  snapshotId: string | null;
  /** Who holds the lock that the job waits for, in the agent's words. */
  lockHolder: string | null;
  finished: Extract<JobRecord, { type: "finished" }> | null;
}

export const NO_FACTS: JobFacts = { startedAtMs: null, phases: [], snapshotId: null, lockHolder: null, finished: null };

/** How the agent says in its log that it waits (agent/jobs/past-locks.ts). */
const WAITING = /^Waiting for the lock of (.+)$/;

/** The facts after one more record; other lines and the rest leave them as they are. */
export function stepFacts(facts: JobFacts, record: JobRecord): JobFacts {
  switch (record.type) {
    case "started":
      return { ...facts, startedAtMs: record.atMs };
    case "phased":
      return { ...facts, phases: [...facts.phases, { phase: record.phase, atMs: record.atMs }] };
    case "snapshot":
      return { ...facts, snapshotId: record.snapshot.id };
    case "logged": {
      const holder = record.stream === "agent" ? WAITING.exec(record.text)?.[1] : undefined;
      return holder === undefined ? facts : { ...facts, lockHolder: holder };
    }
    case "finished":
      return { ...facts, finished: record };
    default:
      return facts;
  }
}
