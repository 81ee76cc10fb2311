import { decideRefused, lookBackMs } from "../core/jobs/sweep.ts";
import { announce } from "./announce.ts";
import { askStats } from "./ask-stats.ts";
import type { Runtime } from "./bindings.ts";
import { fireSchedules } from "./fire-schedules.ts";
import { handOver } from "./hand-over.ts";
import { PASS_ON_NODE, type PassLimits } from "./pass-limits.ts";
import { eraseExpired } from "./store/expired.ts";
import { loadHost, loadHosts } from "./store/hosts.ts";
import { listUnansweredJobs, recordJobNotTaken, type UnansweredJob } from "./store/jobs.ts";
import { refreshStaleSeverities } from "./store/severity.ts";

const HOSTS_AT_ONCE = 100;
const OFFERS_AT_ONCE = 20;

/**
 * What is due for the fleet, once a minute: a cron trigger on Workers, one timer on Node. Writes nothing when nothing
 * is due. One part that fails is logged and does not keep the others from running.
 */
export async function runDue(runtime: Runtime, limits: PassLimits = PASS_ON_NODE): Promise<void> {
  const nowMs = runtime.now();
  const parts: [string, () => Promise<void>][] = [
    ["expired", () => eraseExpired(runtime.db, nowMs)],
    ["late", () => showLateHosts(runtime, nowMs, limits.lateHosts)],
    ["unanswered", () => offerUnansweredJobs(runtime, nowMs, limits.offers)],
    ["stats", () => askStats(runtime, nowMs)],
    ["schedules", () => fireSchedules(runtime, nowMs, limits)],
  ];
  for (const [part, run] of parts) {
    try {
      await run();
    } catch (error) {
      runtime.log.error("due.failed", { part, error });
    }
  }
}

async function showLateHosts(runtime: Runtime, nowMs: number, limit: number): Promise<void> {
  for (let shown = 0; shown < limit; shown += HOSTS_AT_ONCE) {
    const ids = await refreshStaleSeverities(runtime.db, nowMs, HOSTS_AT_ONCE);
    if (ids.length === 0) return;
    const late = await loadHosts(runtime.db, ids, nowMs);
    await announce(
      runtime,
      late.map((host) => ({ type: "hostChanged", host })),
    );
  }
}

/**
 * Offers again what a route wrote down and no relay has spoken of: the route may have died in between. A relay that
 * knows the job does nothing, one that gets it too late ends it.
 */
async function offerUnansweredJobs(runtime: Runtime, nowMs: number, limit: number): Promise<void> {
  const jobs = await listUnansweredJobs(runtime.db, nowMs - lookBackMs(nowMs), limit);
  for (let i = 0; i < jobs.length; i += OFFERS_AT_ONCE) {
    await Promise.all(jobs.slice(i, i + OFFERS_AT_ONCE).map((job) => offer(runtime, job, nowMs)));
  }
}

async function offer(runtime: Runtime, job: UnansweredJob, nowMs: number): Promise<void> {
  const { id: jobId, hostId, ...rest } = job;
  try {
    const taken = await handOver(runtime, hostId, { jobId, ...rest });
    if (taken.ok) return;
    const verdict = decideRefused(job, taken.failure, nowMs);
    if (verdict === "offer-again" || !(await recordJobNotTaken(runtime.db, jobId, verdict, nowMs))) return;
    const host = await loadHost(runtime.db, hostId, nowMs);
    await announce(runtime, [
      ...(host ? [{ type: "hostChanged" as const, host }] : []),
      { type: "jobChanged", hostId, jobId, kind: job.spec.kind, state: "failed" },
    ]);
  } catch (error) {
    runtime.log.warn("relay.enqueue_failed", { hostId, jobId, error });
  }
}
