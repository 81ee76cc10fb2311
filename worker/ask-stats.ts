import { uuidv7 } from "../core/ids.ts";
import { START_NOT_AFTER_MS } from "../protocol/limits.ts";
import type { Runtime } from "./bindings.ts";
import { handOverFired } from "./fire-schedules.ts";
import type { NewJob } from "./store/jobs.ts";
import { listUnmeasured, recordStatsAsked } from "./store/due-schedules.ts";

const MINUTE_MS = 60_000;
const EVERY_MINUTES = 10;
const ASK_AGAIN_MS = 24 * 3600_000;
/** Few at a time: each reads a whole index of a repository. */
const MAX_PER_PASS = 20;

/** Has repositories measured in the background, at most once a day each, and only after a backup. */
export async function askStats(runtime: Runtime, nowMs: number): Promise<void> {
  if (Math.floor(nowMs / MINUTE_MS) % EVERY_MINUTES !== 0) return;
  for (const unmeasured of await listUnmeasured(runtime.db, nowMs - ASK_AGAIN_MS, MAX_PER_PASS)) {
    const job: NewJob = {
      id: uuidv7(nowMs, runtime.random),
      hostId: unmeasured.hostId,
      spec: { kind: "stats", repositoryId: unmeasured.repositoryId },
      scheduleName: null,
      source: "asked",
      askedBy: "server",
      notAfterMs: nowMs + START_NOT_AFTER_MS,
    };
    if (await recordStatsAsked(runtime.db, unmeasured, job, nowMs)) await handOverFired(runtime, job, nowMs);
  }
}
