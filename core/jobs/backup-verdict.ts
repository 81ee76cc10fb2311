import type { JobFact } from "../relay/facts.ts";
import { neverRan } from "./never-ran.ts";

/** What a finished backup says about its host. Sizes in bytes. */
export interface BackupVerdict {
  outcome: "succeeded" | "warnings" | "failed";
  /** ms UTC. */
  atMs: number;
  durationMs: number | null;
  addedBytes: number | null;
  /** Size of what was backed up; null when no snapshot was made. */
  sizeBytes: number | null;
}

/**
 * The verdict that a job gives its host, or null when it gives none. A cancelled backup says nothing about whether
 * backups work, so it hides no earlier failure; neither does one that expired before it reached the host, or met the same backup there.
 */
export function backupVerdict(fact: JobFact): BackupVerdict | null {
  if (fact.kind !== "backup") return null;
  if (fact.state !== "succeeded" && fact.state !== "failed") return null;
  if (neverRan(fact.failure)) return null;
  const good = fact.state === "succeeded";
  return {
    outcome: good ? (fact.warnings > 0 ? "warnings" : "succeeded") : "failed",
    // A host whose clock runs ahead must not be protected into the future, nor outrank its own later backups.
    atMs: Math.min(fact.finishedAtMs ?? fact.receivedAtMs, fact.receivedAtMs),
    durationMs:
      fact.startedAtMs === null || fact.finishedAtMs === null
        ? (fact.summary?.durationMs ?? null)
        : Math.max(0, fact.finishedAtMs - fact.startedAtMs),
    addedBytes: fact.summary?.addedBytes ?? null,
    sizeBytes: good ? (fact.summary?.totalBytes ?? null) : null,
  };
}
