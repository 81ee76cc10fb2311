import type { JobSpec, WireRepository } from "../../protocol/wire.ts";

/** One job as a route hands it to the relay; the row is already in the database with fact_no 0. */
export interface QueuedJob {
  jobId: string;
  spec: JobSpec;
  notAfterMs: number;
  createdAtMs: number;
  /** A cancel that came before this offer. */
  cancelAsked: boolean;
  /** A credential for this job alone, sealed to the host. */
  lent?: WireRepository | undefined;
}
