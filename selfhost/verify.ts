import { createPublicKey, verify as verifyBytes } from "node:crypto";

/**
 * Ed25519 by OpenSSL: a tenth of the time of core/secrets/sign.ts, which a reconnect storm feels. That one also refuses
 * weak keys; a host's key passed it at enrolment.
 */
export function verifyNatively(publicKey: string, message: string, signature: string): boolean {
  try {
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: publicKey }, format: "jwk" });
    return verifyBytes(null, Buffer.from(message), key, Buffer.from(signature, "base64url"));
  } catch {
    return false;
  }
}
