import { BACKOFF_FIRST_MS } from "../../protocol/limits.ts";

/** A person is watching, so a console tries sooner than an agent would. */
const CONSOLE_MAX_MS = 15_000;

/** Full jitter: 0 to 1 s, doubling with each attempt (0 is the first) up to 15 s. `random` is 0..1. */
export function backoffMs(attempt: number, random: number): number {
  return Math.round(random * Math.min(CONSOLE_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(attempt, 10)));
}
