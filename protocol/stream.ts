import * as v from "valibot";
import { count, uuid } from "./scalars.ts";
import type { HostResource } from "./api.ts";
import type { JobKind, JobRecord, Progress } from "./wire.ts";

/** Browser sockets: `/ws/jobs/:id?after=seq` and `/ws/fleet`. The grant travels as a subprotocol, then by `renew`. */

/** `held`: a forget that the guard stopped; only an administrator's release makes it queued. */
export const JOB_STATES = ["held", "queued", "running", "succeeded", "failed", "cancelled", "unknown"] as const;
export type JobState = (typeof JOB_STATES)[number];
export const TERMINAL_STATES: ReadonlySet<JobState> = new Set(["succeeded", "failed", "cancelled"]);

/** server -> browser on a job's socket. Records are those of the job's one ordered stream; `first` is their seq. */
export type JobStreamMessage =
  /** Always first, and again whenever the state changes. `agentSilentSinceMs` is set while the host has no socket. */
  | { type: "state"; state: JobState; ackedSeq: number; cancelAsked: boolean; agentSilentSinceMs?: number }
  | { type: "records"; first: number; records: JobRecord[] }
  /** The log of this job begins at this seq: older chunks have left (64 MiB a host). */
  | { type: "trimmed"; firstSeq: number }
  | { type: "progress"; progress: Progress; atMs: number };

/** server -> browser on the fleet socket. */
export type FleetMessage =
  | { type: "hello"; timeMs: number }
  | { type: "hostChanged"; host: HostResource }
  | { type: "hostRemoved"; hostId: string }
  | { type: "jobChanged"; hostId: string; jobId: string; kind: JobKind; state: JobState }
  | { type: "jobProgressed"; hostId: string; jobId: string; kind: JobKind; progress: Progress }
  | { type: "tokenUsed"; tokenId: string; hostId: string }
  /** Who waits to be let in is to be read again. */
  | { type: "pendingChanged" };

/** browser -> server, both sockets. */
export const browserMessageSchema = v.variant("type", [
  v.strictObject({ type: v.literal("renew"), grant: v.pipe(v.string(), v.maxLength(2048)) }),
  v.strictObject({ type: v.literal("seen"), seq: count }),
]);
export type BrowserMessage = v.InferOutput<typeof browserMessageSchema>;

/** What a grant says, signed by the server; see core/access/grant.ts. */
export const grantSchema = v.strictObject({
  userId: uuid,
  sessionHash: v.string(),
  role: v.picklist(["admin", "operator", "viewer"]),
  expiresAtMs: count,
});
export type Grant = v.InferOutput<typeof grantSchema>;

export function parseBrowserFrame(frame: string): BrowserMessage | null {
  if (frame.length > 4096) return null;
  try {
    const parsed = v.safeParse(browserMessageSchema, JSON.parse(frame));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}
