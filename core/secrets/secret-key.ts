import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { fromBase64url } from "../bytes.ts";
import type { SealKey } from "./at-rest.ts";

const KEY_BYTES = 32;
/** 32 random bytes have fewer different values than this once in 10^20 keys; typed-in ones usually do. */
const MIN_DIFFERENT_BYTES = 12;

/** What the server derives from its one secret key. */
export interface ServerKeys {
  secretKeys: readonly [SealKey];
  /** HMAC key of browser grants: another purpose, another key (RFC 5869). */
  grantKey: Uint8Array;
}

export type ReadKey = { ok: true; value: ServerKeys } | { ok: false; why: string };

function decode(text: string): Uint8Array | null {
  if (/^[0-9a-f]{64}$/i.test(text)) return hexToBytes(text.toLowerCase());
  return fromBase64url(text.replace(/=+$/, "").replaceAll("+", "-").replaceAll("/", "_"));
}

/** The keys of RM_SECRET_KEY: 32 random bytes as hex or base64 (either alphabet), or what is wrong with the text. */
export function readSecretKey(text: string): ReadKey {
  const key = decode(text.trim());
  if (!key) return { ok: false, why: "it is neither hex nor base64" };
  if (key.length !== KEY_BYTES) return { ok: false, why: `it has ${key.length} bytes instead of ${KEY_BYTES}` };
  if (new Set(key).size < MIN_DIFFERENT_BYTES) return { ok: false, why: "it is not random" };
  const id = bytesToHex(sha256(key)).slice(0, 8);
  const grantKey = hkdf(sha256, key, undefined, utf8ToBytes("rm-grant-key-1"), 32);
  return { ok: true, value: { secretKeys: [{ id, key }], grantKey } };
}
