import type { Failure } from "../../protocol/failure.ts";
import { HOST_LOST_MS, START_NOT_AFTER_MS } from "../../protocol/limits.ts";

const MINUTE_MS = 60_000;

/**
 * How far back the pass of this minute looks for jobs of which no relay has spoken. The offer of a
 * click ends within START_NOT_AFTER_MS, so twice that is enough; once an hour the pass looks as far as any job can
 * live, for what the fleet clock fired, and in case the server was down all that time.
 */
export function lookBackMs(nowMs: number): number {
  const isFullHour = Math.floor(nowMs / MINUTE_MS) % 60 === 0;
  return isFullHour ? HOST_LOST_MS + START_NOT_AFTER_MS : 2 * START_NOT_AFTER_MS;
}

/**
 * What becomes of a job that its relay refused to take: offered again while it may still start, then failed. The relay
 * itself ends a job it takes too late, so only a refusal that stands (a locked host) comes to this.
 */
export function decideRefused(job: { notAfterMs: number }, refusal: Failure, nowMs: number): "offer-again" | Failure {
  return nowMs < job.notAfterMs ? "offer-again" : refusal;
}
