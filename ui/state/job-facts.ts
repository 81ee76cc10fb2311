import type { JobPhase, JobRecord } from "../../protocol/wire.ts";

/** What the records of a job say beside its lines. */
export interface JobFacts {
  startedAtMs: number | null;
  phases: readonly { phase: JobPhase; atMs: number }[];
  snapshotId: string | null;
  finished: Extract<JobRecord, { type: "finished" }> | null;
}

export const NO_FACTS: JobFacts = { startedAtMs: null, phases: [], snapshotId: null, finished: null };

/** The facts after one more record; lines and the rest leave them as they are. */
export function stepFacts(facts: JobFacts, record: JobRecord): JobFacts {
  switch (record.type) {
    case "started":
      return { ...facts, startedAtMs: record.atMs };
    case "phased":
      return { ...facts, phases: [...facts.phases, { phase: record.phase, atMs: record.atMs }] };
    case "snapshot":
      return { ...facts, snapshotId: record.snapshot.id };
    case "finished":
      return { ...facts, finished: record };
    default:
      return facts;
  }
}
