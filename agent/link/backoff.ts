import { BACKOFF_FIRST_MS, BACKOFF_MAX_MS, BACKOFF_REFUSED_MS, CLOSE } from "../../protocol/limits.ts";

/** Why a socket ended, or never came to be. `status` is the HTTP answer to an upgrade. */
export type Ending =
  | { kind: "unreachable"; why: string }
  | { kind: "refused"; status: number; retryAfterMs: number | null }
  | { kind: "closed"; code: number; reason: string };

/** The longest a server may make an agent wait; a timer of Node overflows at 24.8 days. */
const LONGEST_WAIT_MS = 3600_000;

/** Full jitter over 1 s, 2 s, 4 s … `longestMs`; `attempt` counts from 0, `random` is 0..1. */
export function backoffMs(attempt: number, floorMs: number, random: number, longestMs = BACKOFF_MAX_MS): number {
  const ceiling = Math.min(longestMs, BACKOFF_FIRST_MS * 2 ** Math.min(attempt, 16));
  return Math.max(floorMs, Math.round(random * ceiling));
}

/** Who drove this machine out may be a copy of it, which the server sees when this one comes back: soon, then. */
const SUPERSEDED_MAX_MS = 20_000;

/** The longest wait after this ending, but for its floor. */
export function longestMs(ending: Ending): number {
  return ending.kind === "closed" && ending.code === CLOSE.superseded ? SUPERSEDED_MAX_MS : BACKOFF_MAX_MS;
}

/** What the end of a socket asks of the next try (PROTOCOL section 2). */
export function floorMs(ending: Ending): number {
  switch (ending.kind) {
    case "unreachable":
      return 0;
    case "refused":
      return isRefusal(ending) ? BACKOFF_REFUSED_MS : Math.min(ending.retryAfterMs ?? 0, LONGEST_WAIT_MS);
    case "closed":
      return isRefusal(ending) ? BACKOFF_REFUSED_MS : Math.min(statedWaitMs(ending.reason) ?? 0, LONGEST_WAIT_MS);
  }
}

const REFUSALS: ReadonlySet<number> = new Set([CLOSE.badProof, CLOSE.revoked, CLOSE.locked, CLOSE.protocolMismatch]);

/** A refusal that time alone does not cure. */
function isRefusal(ending: Exclude<Ending, { kind: "unreachable" }>): boolean {
  return ending.kind === "closed" ? REFUSALS.has(ending.code) : ending.status === 401 || ending.status === 403;
}

/** `retryAfterMs` in a close reason, such as `slow_down retryAfterMs=5000` or `{"retryAfterMs":5000}`. */
function statedWaitMs(reason: string): number | null {
  const found = /retryAfterMs\W{1,4}(\d{1,9})/.exec(reason)?.[1];
  return found === undefined ? null : Number(found);
}

/** The ending in words for the agent's log. */
export function describeEnding(ending: Ending): string {
  switch (ending.kind) {
    case "unreachable":
      return ending.why;
    case "refused":
      return REFUSED_TEXT[ending.status] ?? `the server answered with HTTP status ${ending.status}`;
    case "closed":
      return `${CLOSED_TEXT[ending.code] ?? "the connection was closed"} (${ending.code}${ending.reason === "" ? "" : ` ${ending.reason}`})`;
  }
}

const REFUSED_TEXT: Readonly<Record<number, string>> = {
  401: "the server does not know this host's bearer; enrol the host again if it was removed",
  403: "the server has revoked this host; enrol it again",
  503: "the server is not taking connections yet",
};
const CLOSED_TEXT: Readonly<Record<number, string>> = {
  [CLOSE.badFrame]: "the server could not read a frame of this agent",
  [CLOSE.badProof]: "the server refuses this host's signature",
  [CLOSE.revoked]: "the host was removed from the server, or its bearer revoked",
  [CLOSE.silent]: "the server did not hear from this agent in time",
  [CLOSE.superseded]: "a newer connection of this host took over; another copy of the agent may be running",
  [CLOSE.tooBig]: "a frame was too big; the next ones are smaller",
  1009: "a frame was too big; the next ones are smaller",
  [CLOSE.locked]:
    "the server keeps this machine out, because two machines used its identity; an administrator picks the right one on the host's page",
  [CLOSE.protocolMismatch]: "server and agent speak different protocol versions; update the older one",
  [CLOSE.slowDown]: "the server asks to slow down",
};
