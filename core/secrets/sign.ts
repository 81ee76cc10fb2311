import { ed25519 } from "@noble/curves/ed25519.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";
import { fromBase64url, toBase64url } from "../bytes.ts";
import type { RandomBytes } from "../ids.ts";

/** An Ed25519 key pair (RFC 8032) from 32 random bytes. */
export function makeSignPair(random: RandomBytes): { secretKey: Uint8Array; publicKey: string } {
  const secretKey = random(32);
  return { secretKey, publicKey: toBase64url(ed25519.getPublicKey(secretKey)) };
}

/**
 * Whether `publicKey` is one that only its holder can sign with: 32 bytes, canonical (RFC 8032 section 5.1.3), a point of
 * the prime-order group and not its neutral element.
 */
export function isUsableSignKey(publicKey: string): boolean {
  const bytes = fromBase64url(publicKey);
  if (!bytes || bytes.length !== 32) return false;
  try {
    const point = ed25519.Point.fromBytes(bytes);
    return !point.isSmallOrder() && point.isTorsionFree();
  } catch {
    return false;
  }
}

/** 64-byte signature in base64url. */
export function sign(secretKey: Uint8Array, message: string): string {
  return toBase64url(ed25519.sign(utf8ToBytes(message), secretKey));
}

/** Whether `signature` over `message` was made by the holder of `publicKey`; false for anything malformed. */
export function verify(publicKey: string, message: string, signature: string): boolean {
  const key = fromBase64url(publicKey);
  const sig = fromBase64url(signature);
  if (!key || key.length !== 32 || !sig || sig.length !== 64) return false;
  try {
    // zip215: false refuses small-order keys, with which one signature would fit any message.
    return ed25519.verify(sig, utf8ToBytes(message), key, { zip215: false });
  } catch {
    return false;
  }
}
