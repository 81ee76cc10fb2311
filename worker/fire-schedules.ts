import { decideFire } from "../core/schedule/due.ts";
import { runJobId } from "../core/schedule/run-id.ts";
import { spreadMs } from "../core/schedule/spread.ts";
import { FIRED_NOT_AFTER_MS } from "../protocol/limits.ts";
import type { Limits } from "../protocol/schedule.ts";
import type { JobSpec } from "../protocol/wire.ts";
import { announceJob } from "./announce.ts";
import type { Runtime } from "./bindings.ts";
import { applyRetention } from "./forget/apply-retention.ts";
import { handOver } from "./hand-over.ts";
import type { PassLimits } from "./pass-limits.ts";
import type { NewJob } from "./store/jobs.ts";
import {
  listDueSchedules,
  recordFired,
  recordFireSkipped,
  recordForgetFired,
  type DueKey,
  type DueSchedule,
} from "./store/due-schedules.ts";

const AT_ONCE = 100;
/** The clock looks once a minute, so that a minute of lateness is its own. */
const PASS_EVERY_MS = 60_000;

/**
 * Fires what the server fires: forget and prune schedules by their cron, and the retention of backup schedules after a
 * backup. What destroys waits while its host is away, and then runs once. Forget schedules go first: what they make
 * due is planned in the same pass.
 */
export async function fireSchedules(
  runtime: Runtime,
  nowMs: number,
  limits: Pick<PassLimits, "forgets" | "fires">,
): Promise<void> {
  const failed: { due: DueSchedule; error: unknown }[] = [];
  for (const which of ["forget", "others"] as const) {
    let after: DueKey | null = null;
    let left = which === "forget" ? limits.forgets : limits.fires;
    while (left > 0) {
      const count = Math.min(left, AT_ONCE);
      const due = await listDueSchedules(runtime.db, nowMs, which, after, count);
      left -= count;
      for (const schedule of due) {
        try {
          await fire(runtime, schedule, nowMs);
        } catch (error) {
          // One that cannot be fired keeps no other from firing, and is still due.
          failed.push({ due: schedule, error });
        }
        await letOthersRun();
      }
      const last = due.at(-1);
      if (due.length < count || !last) break;
      after = [last.firesAt, last.id];
    }
  }
  if (failed[0]) {
    const { due, error } = failed[0];
    runtime.log.error("schedule.fire_failed", { scheduleId: due.id, hostId: due.hostId, failed: failed.length, error });
  }
}

/** On Node the database answers at once: without a pause the pass of a large fleet would stand in everyone's way. */
function letOthersRun(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

async function fire(runtime: Runtime, due: DueSchedule, nowMs: number): Promise<void> {
  const { db } = runtime;
  switch (due.kind) {
    case "backup":
      return fireRetention(runtime, due, nowMs);
    case "forget": {
      const { fireMs, nextAtMs } = decide(due, nowMs);
      if (fireMs === null) await recordFireSkipped(db, due, nextAtMs);
      else await recordForgetFired(db, due, nextAtMs, nowMs);
      return;
    }
    case "prune":
      return firePrune(runtime, due, nowMs);
    case "check":
      throw new Error("a check is fired by its host");
  }
}

/** `fires_at` is all the server keeps of a schedule's past: everything before its nominal time is settled. */
function decide(due: DueSchedule, nowMs: number): { fireMs: number | null; missed: number; nextAtMs: number | null } {
  const { id, cron, timeZone, spreadMinutes, catchUp, firesAt } = due;
  if (cron === null || timeZone === null) return { fireMs: null, missed: 0, nextAtMs: null };
  const settledMs = firesAt - spreadMs(id, spreadMinutes) - 1;
  const seenMs = Math.max(firesAt, nowMs - PASS_EVERY_MS);
  return decideFire({ id, cron, timeZone, spreadMinutes, catchUp }, settledMs, seenMs);
}

async function firePrune(runtime: Runtime, due: DueSchedule, nowMs: number): Promise<void> {
  const { fireMs, missed, nextAtMs } = decide(due, nowMs);
  if (fireMs === null) return recordFireSkipped(runtime.db, due, nextAtMs);
  if (!(await runtime.relay(due.hostId).isOnline())) return;
  const { hostId, repositoryId } = due;
  const spec: JobSpec = { kind: "prune", repositoryId, scheduleId: due.id, limits: JSON.parse(due.limits) as Limits };
  const job: NewJob = {
    id: runJobId(hostId, due.id, fireMs),
    hostId,
    spec,
    scheduleName: due.name,
    source: "schedule",
    askedBy: null,
    notAfterMs: nowMs + FIRED_NOT_AFTER_MS,
    nominalMs: fireMs,
    missed,
  };
  if (await recordFired(runtime.db, due, nextAtMs, job, nowMs)) await handOverFired(runtime, job, nowMs);
}

async function fireRetention(runtime: Runtime, due: DueSchedule, nowMs: number): Promise<void> {
  const { hostId, id: scheduleId, firesAt } = due;
  if (!(await runtime.relay(hostId).isOnline())) return;
  const outcome = await applyRetention(runtime, hostId, scheduleId, { by: "clock", firesAtMs: firesAt });
  if (outcome.is === "held") await announceJob(runtime, hostId, outcome.jobId);
  if ((outcome.is === "queued" || outcome.is === "nothing") && outcome.ended !== null)
    await announceJob(runtime, hostId, outcome.ended);
  if (outcome.is === "queued") await handOverFired(runtime, outcome.job, nowMs);
}

/** What the relay does not take is offered again by the sweeper, until it may no longer start. The relay tells the dashboards. */
export async function handOverFired(runtime: Runtime, job: NewJob, nowMs: number): Promise<void> {
  const { id: jobId, hostId, spec, notAfterMs } = job;
  try {
    const taken = await handOver(runtime, hostId, { jobId, spec, notAfterMs, createdAtMs: nowMs, cancelAsked: false });
    if (!taken.ok) runtime.log.warn("relay.refused", { hostId, jobId, code: taken.failure.code });
  } catch (error) {
    runtime.log.warn("relay.enqueue_failed", { hostId, jobId, error });
  }
}
