import * as v from "valibot";
import { base64url, key32 } from "./scalars.ts";

/**
 * A secret sealed to whoever must open it (ARCHITECTURE section 4): ephemeral X25519, HKDF-SHA-256 and
 * XChaCha20-Poly1305. Bytes are base64url. Associated data is the context both sides know, never sent.
 */
export const envelopeSchema = v.strictObject({
  v: v.literal(1),
  recipient: v.picklist(["host", "server", "recovery"]),
  ephemeral: key32,
  nonce: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{32}$/, "must be 24 bytes in base64url")),
  ct: base64url,
});
export type Envelope = v.InferOutput<typeof envelopeSchema>;
