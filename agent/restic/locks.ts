import type { RepositoryLock } from "../../protocol/wire.ts";
import { clipText, cleanLine } from "./clean-text.ts";

/** Lists the ids of all locks, one a line; takes none itself, and works under an exclusive one. */
export const listLocksArgv: readonly string[] = ["list", "locks", "--no-lock"];

/** One lock as JSON. */
export function catLockArgv(id: string): string[] {
  return ["cat", "lock", "--no-lock", "--", id];
}

export function parseLockIds(document: string): string[] {
  return document.split("\n").flatMap((line) => /^([0-9a-f]{64})\s*$/.exec(line)?.[1] ?? []);
}

/** The document `cat lock` prints; null when it is none. */
export function parseLock(id: string, document: string): RepositoryLock | null {
  let value: unknown;
  try {
    value = JSON.parse(document);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const { time, exclusive, hostname, username, pid } = value as Record<string, unknown>;
  const timeMs = typeof time === "string" ? Date.parse(time) : Number.NaN;
  if (!(timeMs >= 0)) return null;
  return {
    id,
    timeMs,
    exclusive: exclusive === true,
    hostname: typeof hostname === "string" ? clipText(cleanLine(hostname)) : "",
    ...(typeof username === "string" && username !== "" ? { username: clipText(cleanLine(username)) } : {}),
    pid: Number.isSafeInteger(pid) && (pid as number) > 0 ? (pid as number) : 0,
  };
}

/** `web-2, process 4711, since 2026-11-23 12:50:17 UTC`. */
export function describeHolder(lock: RepositoryLock): string {
  const since = new Date(lock.timeMs)
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, " UTC");
  return `${lock.hostname === "" ? "an unnamed host" : lock.hostname}, process ${lock.pid}, since ${since}`;
}
