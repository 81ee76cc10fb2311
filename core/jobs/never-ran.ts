import type { Failure, FailureCode } from "../../protocol/failure.ts";

const NEVER_RAN: ReadonlySet<FailureCode> = new Set(["job.expired", "job.conflict", "host.removed"]);

/** Whether a job failed without having been begun, so that it says nothing of its host or its schedule. */
export function neverRan(failure: Failure | null): boolean {
  return failure !== null && NEVER_RAN.has(failure.code);
}
