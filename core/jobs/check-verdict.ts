import type { FailureCode } from "../../protocol/failure.ts";
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

/** Failures that speak of the repository's data; with any other, restic did not come to look. */
const ABOUT_THE_DATA: ReadonlySet<FailureCode> = new Set(["repository.damaged", "repository.missing", "restic.failed"]);

/**
 * The verdict that a job gives its repository, or null when it gives none: a check that was cancelled, or that found
 * the repository locked or out of reach, says nothing of the data and hides no earlier verdict.
 */
export function checkVerdict(fact: JobFact): CheckVerdict | null {
  if (fact.kind !== "check") return null;
  const atMs = Math.min(fact.finishedAtMs ?? fact.receivedAtMs, fact.receivedAtMs);
  const read = fact.result?.kind === "check" ? { read: fact.result.read } : {};
  if (fact.state === "succeeded") return { ok: true, atMs, ...read };
  if (fact.state !== "failed" || fact.failure === null || !ABOUT_THE_DATA.has(fact.failure.code)) return null;
  return { ok: false, atMs, ...read, message: fact.failure.message };
}
