import { Cron } from "croner";
import { cronFields } from "./cron.ts";

/** What a cron says of a wall clock that nothing ever changes. Wall times are ms, as if the wall ran in UTC. */
export interface WallMatcher {
  /** The first minute that matches at or after a wall time; null = never again. */
  readonly next: (fromMs: number) => number | null;
  /** `cronFields` says what it means. */
  readonly followsRealTime: boolean;
}

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
    const next = (fromMs: number) => pattern.nextRun(new Date(fromMs - 1))?.getTime() ?? null;
    matcher = { next, followsRealTime: cronFields(cron).followsRealTime };
    if (matchers.size >= MAX_MATCHERS) matchers.clear();
    matchers.set(cron, matcher);
  }
  return matcher;
}
