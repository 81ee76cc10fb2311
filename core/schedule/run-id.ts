import { sha256 } from "@noble/hashes/sha2.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";
import { uuidv8 } from "../ids.ts";

/** The id of a job that its schedule fired, a UUIDv8 of SHA-256: one fire is one job, whoever says it first (PROTOCOL section 1). */
export function runJobId(hostId: string, scheduleId: string, nominalMs: number): string {
  return firedId("run", hostId, scheduleId, nominalMs);
}

/**
 * The id of the forget that the server's clock fires for what became due at `dueMs`. It names the backup schedule whose
 * snapshots go, so that a backup of that schedule, fired by its host at the same moment, must have another.
 */
export function forgetJobId(hostId: string, scheduleId: string, dueMs: number): string {
  return firedId("forget", hostId, scheduleId, dueMs);
}

function firedId(word: string, hostId: string, scheduleId: string, atMs: number): string {
  return uuidv8(sha256(utf8ToBytes(`${word}\n${hostId}\n${scheduleId}\n${atMs}`)));
}
