import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { FINGERPRINT_MIN_BITS } from "../../protocol/announce.ts";
import { fromBase64url } from "../bytes.ts";

const BITS_PER_DIGIT = 4;

/** The fingerprint of an Ed25519 public key in base64url: SHA-256 of its 32 bytes, in 64 hex digits. */
export function fingerprintOf(signKey: string): string {
  const bytes = fromBase64url(signKey);
  if (!bytes || bytes.length !== 32) throw new Error("sign key is not 32 bytes");
  return bytesToHex(sha256(bytes));
}

/** A fingerprint as people compare it: sixteen groups of four digits. */
export function groupFingerprint(fingerprint: string): string {
  return fingerprint.replace(/(.{4})(?=.)/g, "$1 ");
}

/**
 * Whether `typed` is a part of the fingerprint of at least 40 bits, from anywhere in it, in either case. Spaces, line
 * ends, colons, dots and dashes are grouping; any other letter makes it something else than a fingerprint.
 */
export function fingerprintMatches(typed: string, fingerprint: string): boolean {
  const digits = typed.replace(/[\s:.-]/g, "").toLowerCase();
  if (!/^[0-9a-f]+$/.test(digits)) return false;
  return digits.length * BITS_PER_DIGIT >= FINGERPRINT_MIN_BITS && fingerprint.includes(digits);
}
