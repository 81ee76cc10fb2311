import { bytesToHex } from "@noble/hashes/utils.js";

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

/** UUIDv8 (RFC 9562 section 5.8): what 16 bytes of a digest look like as an id. */
export function uuidv8(digest: Uint8Array): string {
  return format(digest.slice(0, 16), 8);
}
