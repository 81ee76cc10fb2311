/** An argon2id password hash as text: `$argon2id$v=19$m=…,t=…,p=…$salt$tag` (PHC string format, standard base64). */
export interface Phc {
  memoryKiB: number;
  passes: number;
  lanes: number;
  salt: Uint8Array;
  tag: Uint8Array;
}

/** OWASP Password Storage Cheat Sheet: argon2id with 19 MiB, two passes, one lane. */
export const PHC_DEFAULTS = { memoryKiB: 19_456, passes: 2, lanes: 1, saltBytes: 16, tagBytes: 32 } as const;

/** A stored string may not ask for more than this: it would be a way to exhaust the server. */
const CAPS = { memoryKiB: 65_536, passes: 10, lanes: 4, bytes: 64 } as const;
const FORM =
  /^\$argon2id\$v=19\$m=([1-9]\d{0,6}),t=([1-9]\d{0,2}),p=([1-9]\d{0,2})\$([A-Za-z0-9+/]{11,88})\$([A-Za-z0-9+/]{16,88})$/;

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replace(/=+$/, "");
}

function fromBase64(text: string): Uint8Array | null {
  try {
    return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  } catch {
    return null;
  }
}

export function formatPhc(phc: Phc): string {
  return `$argon2id$v=19$m=${phc.memoryKiB},t=${phc.passes},p=${phc.lanes}$${toBase64(phc.salt)}$${toBase64(phc.tag)}`;
}

/** The parts of a PHC string; null when it is none, or asks for more than the caps. */
export function parsePhc(text: string): Phc | null {
  const parts = FORM.exec(text);
  if (!parts) return null;
  const [memoryKiB, passes, lanes] = [Number(parts[1]), Number(parts[2]), Number(parts[3])];
  const salt = fromBase64(parts[4]!);
  const tag = fromBase64(parts[5]!);
  if (!salt || !tag || salt.length > CAPS.bytes || tag.length > CAPS.bytes) return null;
  if (memoryKiB > CAPS.memoryKiB || memoryKiB < 8 * lanes || passes > CAPS.passes || lanes > CAPS.lanes) return null;
  return { memoryKiB, passes, lanes, salt, tag };
}
