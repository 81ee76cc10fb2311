import { uuidv7 } from "../../core/ids.ts";
import type { ForgetPlan } from "../../core/retention/plan.ts";
import { forgetJobId } from "../../core/schedule/run-id.ts";
import { FIRED_NOT_AFTER_MS, START_NOT_AFTER_MS } from "../../protocol/limits.ts";
import type { ForgetSpec } from "../../protocol/wire.ts";
import type { Runtime } from "../bindings.ts";
import type { AuditEntry } from "../store/audit.ts";
import {
  hasOpenForget,
  loadRetained,
  recordForgetHeld,
  recordForgetQueued,
  recordNothingToForget,
  type Retained,
} from "../store/forgets.ts";
import type { NewJob } from "../store/jobs.ts";
import { forgetSpec, planNow } from "./plan-forget.ts";

/** Who applies a retention: a person, or the fleet clock for what became due at `firesAtMs`. */
export type ForgetCause =
  | { by: "person"; name: string; audit(jobId: string): AuditEntry }
  | { by: "clock"; firesAtMs: number };

export type ForgetOutcome =
  /** The schedule keeps everything, or is not there any more. */
  | { is: "no-retention" }
  | { is: "nothing"; ended: string | null }
  /** The guard holds it: `jobId` waits for an administrator. */
  | { is: "held"; jobId: string }
  /** Written down; to be handed over. `ended` is the held forget that this puts an end to. */
  | { is: "queued"; job: NewJob & { spec: ForgetSpec }; ended: string | null }
  /** A forget of the schedule waits or runs: what is due stays due. */
  | { is: "under-way" }
  /** Someone else changed or applied it meanwhile. */
  | { is: "overtaken" };

/**
 * Makes the plan of a schedule's retention and writes down what follows from it: nothing, a held forget, or a queued
 * one. All in one batch that takes effect only if the schedule is as it was read.
 */
export async function applyRetention(
  runtime: Runtime,
  hostId: string,
  scheduleId: string,
  cause: ForgetCause,
): Promise<ForgetOutcome> {
  const { db, random } = runtime;
  const nowMs = runtime.now();
  const seen = await loadRetained(db, hostId, scheduleId);
  if (!seen) return { is: "no-retention" };
  if (cause.by === "clock" && seen.firesAtMs !== cause.firesAtMs) return { is: "overtaken" };
  const at = { nowMs, random };
  if (!seen.retention) {
    if (cause.by === "clock") await recordNothingToForget(db, seen, at);
    return { is: "no-retention" };
  }
  if (await hasOpenForget(db, seen, nowMs)) return { is: "under-way" };
  const plan = await planNow(db, seen, seen.retention.keep, nowMs);

  if (plan.removed.length === 0) {
    const isIdle = seen.firesAtMs === null && seen.heldJobId === null && seen.releasedPlan === null;
    if (!isIdle && !(await recordNothingToForget(db, seen, at))) return { is: "overtaken" };
    return { is: "nothing", ended: seen.heldJobId };
  }
  const job = jobOf(runtime, seen, plan, cause, nowMs);
  const audit = cause.by === "person" ? cause.audit(job.id) : null;
  const confirmed = plan.fingerprint === seen.releasedPlan;
  if (plan.held.length > 0 && !confirmed) {
    const { fingerprint, held: reasons } = plan;
    const held = { fingerprint, reasons, removed: plan.removed.length, kept: plan.kept.length };
    const jobId = await recordForgetHeld(db, seen, job, held, audit, at);
    return jobId === null ? { is: "overtaken" } : { is: "held", jobId };
  }
  if (!(await recordForgetQueued(db, seen, job, confirmed, audit, at))) return { is: "overtaken" };
  return { is: "queued", job, ended: seen.heldJobId };
}

function jobOf(
  runtime: Runtime,
  seen: Retained,
  plan: ForgetPlan,
  cause: ForgetCause,
  nowMs: number,
): NewJob & { spec: ForgetSpec } {
  const { hostId, scheduleId } = seen;
  const common = {
    hostId,
    spec: forgetSpec(seen, plan),
    scheduleName: seen.scheduleName,
    notAfterMs: nowMs + (cause.by === "clock" ? FIRED_NOT_AFTER_MS : START_NOT_AFTER_MS),
  };
  if (cause.by === "person")
    return { ...common, id: uuidv7(nowMs, runtime.random), source: "asked", askedBy: cause.name };
  const { firesAtMs } = cause;
  return {
    ...common,
    id: forgetJobId(hostId, scheduleId, firesAtMs),
    source: "schedule",
    askedBy: null,
    nominalMs: firesAtMs,
  };
}
