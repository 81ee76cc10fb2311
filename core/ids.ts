import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

/** `count` random bytes; the one shape in which randomness is passed around. */
export type RandomBytes = (count: number) => Uint8Array;

function format(bytes: Uint8Array, version: 7 | 8): string {
  bytes[6] = (bytes[6]! & 0x0f) | (version << 4);
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytesToHex(bytes);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** UUIDv7 (RFC 9562 section 5.7): sorts by the millisecond it was made in. */
export function uuidv7(nowMs: number, random: RandomBytes): string {
  const bytes = new Uint8Array(16);
  bytes.set(random(10), 6);
  for (let i = 5, rest = nowMs; i >= 0; i--, rest = Math.floor(rest / 256)) bytes[i] = rest % 256;
  return format(bytes, 7);
}

/** The id of a scheduled job, a UUIDv8 of SHA-256: one fire is one job, whoever says it first (PROTOCOL section 1). */
export function scheduledJobId(hostId: string, scheduleId: string, nominalMs: number): string {
  const digest = sha256(utf8ToBytes(`run\n${hostId}\n${scheduleId}\n${nominalMs}`));
  return format(digest.slice(0, 16), 8);
}
