import type { JobFact } from "../relay/facts.ts";

/** What a finished check says about its repository. */
export interface CheckVerdict {
  ok: boolean;
  /** ms UTC. */
  atMs: number;
  /** Which part of the data was read, as restic was asked. */
  read?: string;
  /** Why it is not well, in a sentence. */
  message?: string;
}

/**
 * The verdict that a job gives its repository, or null when it gives none. Only damage that was found speaks of the
 * data. A check that was cancelled, crashed, or found the repository locked or out of reach hides no earlier verdict.
 */
export function checkVerdict(fact: JobFact): CheckVerdict | null {
  if (fact.kind !== "check") return null;
  const atMs = Math.min(fact.finishedAtMs ?? fact.receivedAtMs, fact.receivedAtMs);
  const read = fact.result?.kind === "check" ? { read: fact.result.read } : {};
  if (fact.state === "succeeded") return { ok: true, atMs, ...read };
  if (fact.state !== "failed" || fact.failure?.code !== "repository.damaged") return null;
  return { ok: false, atMs, ...read, message: fact.failure.message };
}
