import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";
import { toBase64url } from "../bytes.ts";

/**
 * The repository password of a host that joined with a fleet token: base64url of HMAC-SHA-256 (RFC 2104), keyed with
 * the text of the token's recovery key, over a fixed line and the repository's address. Who keeps the recovery key can
 * make the password again with no server at all; docs/fleet-tokens.md shows how, so this never changes.
 */
export function mintedPassword(recoveryKey: string, repositoryAddress: string): string {
  const message = `restic-manager repository password\n${repositoryAddress}`;
  return toBase64url(hmac(sha256, utf8ToBytes(recoveryKey), utf8ToBytes(message)));
}

/** Whether a text has the form of a recovery key; spaces around it are not looked at. */
export function isRecoveryKey(text: string): boolean {
  return /^rmk_[\w-]{43}$/.test(text.trim());
}
