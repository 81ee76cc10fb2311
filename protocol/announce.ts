import * as v from "valibot";
import { createEnrollmentBody, enrolledSchema } from "./api.ts";
import { fail, ok, type Result } from "./failure.ts";
import { key32, signature64, timeMs, uuid } from "./scalars.ts";

/** Joining by approval: what an agent without a token says, and what it hears while it waits (docs/decisions/0016). */

/** Announcements that one address may make in `ANNOUNCE_WINDOW_MS`. */
export const ANNOUNCE_PER_WINDOW = 10;
export const ANNOUNCE_WINDOW_MS = 60_000;
/** Hosts that may wait at once, from wherever they came. */
export const MAX_PENDING_HOSTS = 100;
/** How long an announcement can be accepted, and answers what became of it. */
export const PENDING_TTL_MS = 3600_000;
/** Bits of the fingerprint that whoever accepts must have read off the host's terminal. */
export const FINGERPRINT_MIN_BITS = 40;

const MAX_MACHINE_FACTS = 16;

// oxlint-disable-next-line no-control-regex -- control characters are what the rule refuses
const short = v.pipe(v.string(), v.maxLength(255), v.regex(/^[^\u0000-\u001f\u007f]*$/, "must be one line"));

/** POST /api/agents/announce. Far smaller than an enrolment may be: nobody has vouched for the sender. */
export const announceBody = v.strictObject({
  signKey: key32,
  sealKey: key32,
  /** Ed25519 signature over announceProof(signKey, sealKey, hostname). */
  proof: signature64,
  hostname: v.pipe(short, v.minLength(1, "must not be empty")),
  os: short,
  arch: short,
  agentVersion: short,
  resticVersion: short,
  machineFacts: v.pipe(
    v.record(short, short),
    v.check((facts) => Object.keys(facts).length <= MAX_MACHINE_FACTS, `must be at most ${MAX_MACHINE_FACTS} facts`),
  ),
});
export type AnnounceBody = v.InferOutput<typeof announceBody>;

/** The answer; the fingerprint is in groups, as the installer prints it. */
export const announcedSchema = v.object({
  pendingId: uuid,
  fingerprint: v.string(),
  expiresAtMs: timeMs,
  serverTimeMs: timeMs,
});
export type Announced = v.InferOutput<typeof announcedSchema>;

/** Of GET /api/pending: a host that waits, with the first ten of a like name that joined or wait. */
export const pendingHostSchema = v.object({
  id: uuid,
  fingerprint: v.string(),
  hostname: v.string(),
  os: v.string(),
  arch: v.string(),
  agentVersion: v.string(),
  resticVersion: v.string(),
  /** Where it announced itself from. */
  address: v.string(),
  firstSeenAtMs: timeMs,
  lastSeenAtMs: timeMs,
  expiresAtMs: timeMs,
  twins: v.array(v.object({ kind: v.picklist(["host", "pending"]), id: uuid, name: v.string() })),
});
export type PendingHostResource = v.InferOutput<typeof pendingHostSchema>;

/** POST /api/pending/:id/accept: what an enrolment token holds, and a part of the fingerprint off the terminal. */
export const acceptPendingBody = v.strictObject({
  fingerprint: v.pipe(v.string(), v.maxLength(256)),
  ...createEnrollmentBody.entries,
});

/** Its answer. */
export const acceptedPendingSchema = v.object({ hostId: uuid, name: v.string() });
export type AcceptedPending = v.InferOutput<typeof acceptedPendingSchema>;

// ---- /ws/agent/pending?id=<pending id> ----------------------------------------------------------------------------

/** server -> agent. After `accepted`, `rejected` and `expired` the server closes. */
export const pendingServerMessageSchema = v.variant("type", [
  v.object({ type: v.literal("challenge"), nonce: key32 }),
  v.object({ type: v.literal("waiting"), expiresAtMs: timeMs }),
  v.object({ type: v.literal("accepted"), ...enrolledSchema.entries }),
  v.object({ type: v.literal("rejected") }),
  v.object({ type: v.literal("expired") }),
]);
export type PendingServerMessage = v.InferOutput<typeof pendingServerMessageSchema>;

/** agent -> server, once: Ed25519 signature over pendingProof(pendingId, nonce). */
export const pendingAgentMessageSchema = v.strictObject({ type: v.literal("proof"), signature: signature64 });
export type PendingAgentMessage = v.InferOutput<typeof pendingAgentMessageSchema>;

/** The longest frame of this socket, either way. */
export const MAX_PENDING_FRAME_BYTES = 4 * 1024;

function parseFrame<S extends v.GenericSchema>(schema: S, frame: string): Result<v.InferOutput<S>> {
  const refused = fail("request.invalid", "A message on the pending socket was not understood. Update the agent.");
  if (frame.length > MAX_PENDING_FRAME_BYTES) return refused;
  try {
    const parsed = v.safeParse(schema, JSON.parse(frame));
    return parsed.success ? ok(parsed.output) : refused;
  } catch {
    return refused;
  }
}

export function parsePendingServerMessage(frame: string): Result<PendingServerMessage> {
  return parseFrame(pendingServerMessageSchema, frame);
}
export function parsePendingAgentMessage(frame: string): Result<PendingAgentMessage> {
  return parseFrame(pendingAgentMessageSchema, frame);
}

/** The text an agent signs when it announces itself: binds the key that secrets are sealed to. */
export function announceProof(signKey: string, sealKey: string, hostname: string): string {
  return `rm-announce-1\n${signKey}\n${sealKey}\n${hostname}`;
}
/** The text an agent signs on the pending socket: this row, this nonce. */
export function pendingProof(pendingId: string, nonce: string): string {
  return `rm-pending-1\n${pendingId}\n${nonce}`;
}
