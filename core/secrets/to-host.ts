import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { x25519 } from "@noble/curves/ed25519.js";
import { bytesToUtf8 } from "@noble/ciphers/utils.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import type { Envelope } from "../../protocol/sealed.ts";
import { fromBase64url, toBase64url } from "../bytes.ts";
import type { RandomBytes } from "../ids.ts";

/** Sealing to an X25519 key: ephemeral Diffie-Hellman, HKDF-SHA-256 (RFC 5869) over both public keys, XChaCha20-Poly1305. */
function sharedKey(shared: Uint8Array, ephemeral: Uint8Array, recipient: Uint8Array): Uint8Array {
  return hkdf(sha256, shared, concatBytes(ephemeral, recipient), utf8ToBytes("rm-envelope-1"), 32);
}

/** An X25519 key pair from 32 random bytes. */
export function makeSealPair(random: RandomBytes): { secretKey: Uint8Array; publicKey: string } {
  const secretKey = random(32);
  return { secretKey, publicKey: toBase64url(x25519.getPublicKey(secretKey)) };
}

/** Whether `publicKey` can be sealed to: 32 bytes that are no low-order point (RFC 7748 section 6.1). */
export function isUsableSealKey(publicKey: string): boolean {
  const bytes = fromBase64url(publicKey);
  if (!bytes || bytes.length !== 32) return false;
  try {
    x25519.getSharedSecret(new Uint8Array(32).fill(7), bytes);
    return true;
  } catch {
    return false;
  }
}

/** Seals `plaintext` to the host that holds the secret half of `publicKey`; `context` must be known to both. */
export function sealToHost(publicKey: string, context: string, plaintext: string, random: RandomBytes): Envelope {
  const recipient = fromBase64url(publicKey);
  if (!recipient || recipient.length !== 32) throw new Error("seal key is not 32 bytes");
  const secret = random(32);
  const ephemeral = x25519.getPublicKey(secret);
  const key = sharedKey(x25519.getSharedSecret(secret, recipient), ephemeral, recipient);
  const nonce = random(24);
  const ct = xchacha20poly1305(key, nonce, utf8ToBytes(context)).encrypt(utf8ToBytes(plaintext));
  return { v: 1, recipient: "host", ephemeral: toBase64url(ephemeral), nonce: toBase64url(nonce), ct: toBase64url(ct) };
}

/** The plaintext, or null when the envelope was not made for this key and context. */
export function openOnHost(secretKey: Uint8Array, context: string, envelope: Envelope): string | null {
  const ephemeral = fromBase64url(envelope.ephemeral);
  const nonce = fromBase64url(envelope.nonce);
  const ct = fromBase64url(envelope.ct);
  if (envelope.recipient !== "host" || !ephemeral || !nonce || !ct) return null;
  try {
    const key = sharedKey(x25519.getSharedSecret(secretKey, ephemeral), ephemeral, x25519.getPublicKey(secretKey));
    return bytesToUtf8(xchacha20poly1305(key, nonce, utf8ToBytes(context)).decrypt(ct));
  } catch {
    return null;
  }
}
