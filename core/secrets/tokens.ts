import { bytesToUtf8 } from "@noble/ciphers/utils.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import * as v from "valibot";
import { grantSchema, type Grant } from "../../protocol/stream.ts";
import { fromBase64url, toBase64url } from "../bytes.ts";
import type { RandomBytes } from "../ids.ts";

/** What a token is for, readable in its first letters so that a leaked one is known at sight. */
export const TOKEN_PREFIXES = {
  session: "rms_",
  api: "rma_",
  enrollment: "rmt_",
  bearer: "rmh_",
  bootstrap: "rmb_",
  recovery: "rmk_",
} as const;
export type TokenKind = keyof typeof TOKEN_PREFIXES;

/** 256 random bits behind a prefix; stored only as `hashToken`. */
export function makeToken(kind: TokenKind, random: RandomBytes): string {
  return TOKEN_PREFIXES[kind] + toBase64url(random(32));
}

/** SHA-256 in hex: random 256-bit values need no slow hash. */
export function hashToken(token: string): string {
  return bytesToHex(sha256(utf8ToBytes(token)));
}

/** Compares two texts without telling where they differ. */
export function equalInConstantTime(a: string, b: string): boolean {
  let diff = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) diff |= a.charCodeAt(i) ^ b.charCodeAt(i % Math.max(1, b.length));
  return diff === 0;
}

/** A grant for browser sockets: `<payload>.<HMAC-SHA-256>`, both base64url, hence usable as a subprotocol. */
export function signGrant(key: Uint8Array, grant: Grant): string {
  const payload = toBase64url(utf8ToBytes(JSON.stringify(grant)));
  return `${payload}.${toBase64url(hmac(sha256, key, utf8ToBytes(`rm-grant-1.${payload}`)))}`;
}

/** The grant, or null when it is forged or past its time. */
export function readGrant(key: Uint8Array, text: string, nowMs: number): Grant | null {
  const dot = text.indexOf(".");
  if (dot < 0) return null;
  const payload = text.slice(0, dot);
  const mac = toBase64url(hmac(sha256, key, utf8ToBytes(`rm-grant-1.${payload}`)));
  if (!equalInConstantTime(mac, text.slice(dot + 1))) return null;
  const bytes = fromBase64url(payload);
  if (!bytes) return null;
  try {
    const parsed = v.safeParse(grantSchema, JSON.parse(bytesToUtf8(bytes)));
    return parsed.success && parsed.output.expiresAtMs > nowMs ? parsed.output : null;
  } catch {
    return null;
  }
}
