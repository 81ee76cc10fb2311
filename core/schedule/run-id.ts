import { sha256 } from "@noble/hashes/sha2.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";
import { uuidv8 } from "../ids.ts";

/** The id of a scheduled job, a UUIDv8 of SHA-256: one fire is one job, whoever says it first (PROTOCOL section 1). */
export function runJobId(hostId: string, scheduleId: string, nominalMs: number): string {
  return uuidv8(sha256(utf8ToBytes(`run\n${hostId}\n${scheduleId}\n${nominalMs}`)));
}
