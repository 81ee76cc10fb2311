import { lookOf } from "./twin-name.ts";

/** What a host that brings its own name may be called. */
export interface OwnName {
  /** Shown to people. */
  name: string;
  /** In its repository's address: the safe form of the hostname with the same suffix as `name`. */
  safeName: string;
}

const MAX_NAME_LENGTH = 128;
const SUFFIX_ROOM = 16;

/** A hostname as the name of a host: invisible and control characters go, and so do spaces and dots around it. */
export function cleanHostname(hostname: string): string {
  const plain = hostname.replace(/[\p{Cc}\p{Cf}]/gu, "").replace(/^[\s.]+|[\s.]+$/g, "");
  return (
    [...plain]
      .slice(0, MAX_NAME_LENGTH - SUFFIX_ROOM)
      .join("")
      .trim() || "host"
  );
}

/**
 * Names for a host, best first, at most `limit`: its hostname, then with -2, -3 and so on. None looks like one in
 * `taken`, so that nobody confuses two hosts.
 */
export function ownNames(hostname: string, safeName: string, taken: readonly string[], limit: number): OwnName[] {
  const clean = cleanHostname(hostname);
  const looks = new Set(taken.map(lookOf));
  const names: OwnName[] = [];
  for (let n = 1; names.length < limit; n++) {
    const suffix = n === 1 ? "" : `-${n}`;
    if (!looks.has(lookOf(clean + suffix))) names.push({ name: clean + suffix, safeName: safeName + suffix });
  }
  return names;
}
