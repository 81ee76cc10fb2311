import { Cron } from "croner";

/** The first wall-clock minute at or after another that a cron matches, as if the wall ran in UTC; null = never again. */
export type WallMatcher = (fromMs: number) => number | null;

/** croner keeps 80 KB for each pattern, so only those in use are remembered. */
const MAX_MATCHERS = 64;
const matchers = new Map<string, WallMatcher>();

/**
 * The matcher of a cron that has passed `cronProblem`. croner is asked without any zone: what a zone does to the wall
 * clock is decided in next-fire.ts (docs/decisions/0010).
 */
export function wallMatcher(cron: string): WallMatcher {
  let matcher = matchers.get(cron);
  if (!matcher) {
    const pattern = new Cron(cron, { paused: true, mode: "5-part", utcOffset: 0 });
    // croner looks strictly after a whole second.
    matcher = (fromMs) => pattern.nextRun(new Date(fromMs - 1))?.getTime() ?? null;
    if (matchers.size >= MAX_MATCHERS) matchers.clear();
    matchers.set(cron, matcher);
  }
  return matcher;
}
