import type { ForgetPlan } from "../../core/retention/plan.ts";
import { jobSchema, previewBody, releaseBody, type JobResource } from "../../protocol/api.ts";
import { fail, ok, type Failure, type Result } from "../../protocol/failure.ts";
import { START_NOT_AFTER_MS } from "../../protocol/limits.ts";
import { retentionPlanSchema } from "../../protocol/schedule.ts";
import { actorOf } from "../access/actor.ts";
import { announceJob } from "../announce.ts";
import { readyHost } from "../ask-job.ts";
import type { Runtime } from "../bindings.ts";
import { forgetSpec, planNow, previewOf } from "../forget/plan-forget.ts";
import { handOver } from "../hand-over.ts";
import { route } from "../route.ts";
import {
  loadRetained,
  recordForgetReleased,
  recordReleaseUndone,
  recordRetentionDue,
  recordVouched,
  type Retained,
} from "../store/forgets.ts";
import { loadJob } from "../store/jobs.ts";
import { noJob } from "./jobs.ts";

function planChanged(): { ok: false; failure: Failure } {
  return fail(
    "forget.plan_changed",
    "The plan is no longer the one that was shown. It is made anew within a minute: look at that one and release it.",
  );
}

export const retentionRoutes = [
  route({
    method: "POST",
    path: "/api/hosts/:id/schedules/:sid/retention-preview",
    access: { action: "snapshot.read" },
    summary: "What a retention would keep and remove of a backup schedule's snapshots now; nothing is changed",
    body: previewBody,
    response: retentionPlanSchema,
    async handler({ runtime, params, body }) {
      const retained = await loadRetained(runtime.db, params.id, params.sid);
      if (!retained) return fail("schedule.not_found", "This host has no such backup schedule.");
      const plan = await planNow(runtime.db, retained, body.keep, runtime.now());
      return ok(previewOf(retained, plan));
    },
  }),
  route({
    method: "POST",
    path: "/api/jobs/:id/release",
    access: { action: "job.release" },
    summary: "Release exactly the forget plan that the guard holds",
    body: releaseBody,
    response: jobSchema,
    status: 202,
    async handler({ runtime, peer, params, body }, principal) {
      const { db, random } = runtime;
      const job = await loadJob(db, params.id);
      if (!job) return noJob();
      if (job.state !== "held" || job.scheduleId === undefined) return planChanged();
      const host = await readyHost(runtime, job.hostId);
      if (!host.ok) return host;
      const retained = await loadRetained(db, job.hostId, job.scheduleId);
      if (!retained?.retention) return planChanged();
      const { fingerprint } = body;
      const at = { nowMs: runtime.now(), random };
      const plan = await planNow(db, retained, retained.retention.keep, at.nowMs);
      if (fingerprint !== job.held?.fingerprint || fingerprint !== plan.fingerprint) {
        await recordRetentionDue(db, retained, at.nowMs);
        return planChanged();
      }
      const notAfterMs = at.nowMs + START_NOT_AFTER_MS;
      const release = { jobId: job.id, fingerprint, releasedBy: principal.name, notAfterMs };
      const audit = {
        ...actorOf(principal, peer),
        action: "job.release",
        targetKind: "host",
        targetId: job.hostId,
        targetName: job.hostName,
        detail: { jobId: job.id, kind: job.kind, removed: plan.removed.length, reasons: plan.held },
      };
      if (!(await recordForgetReleased(db, retained, release, audit, at))) return planChanged();
      const taken = await handOverReleased(runtime, retained, plan, job, { atMs: at.nowMs, notAfterMs });
      await announceJob(runtime, job.hostId, job.id);
      return taken.ok ? ok((await loadJob(db, job.id)) ?? job) : taken;
    },
  }),
];

/**
 * What the relay refuses is held again: a release that did nothing must not look like one. When it cannot be reached it
 * may have taken the job all the same, so that stays queued and is offered again by the sweeper.
 */
async function handOverReleased(
  runtime: Runtime,
  retained: Retained,
  plan: ForgetPlan,
  job: JobResource,
  release: { atMs: number; notAfterMs: number },
): Promise<Result<null>> {
  const spec = forgetSpec(retained, plan);
  const { id: jobId, hostId } = job;
  const { notAfterMs, atMs: createdAtMs } = release;
  try {
    const taken = await handOver(runtime, hostId, { jobId, spec, notAfterMs, createdAtMs, cancelAsked: false });
    if (taken.ok) await recordVouched(runtime.db, retained, createdAtMs);
    else await recordReleaseUndone(runtime.db, retained.scheduleId, job);
    return taken;
  } catch (error) {
    runtime.log.warn("relay.enqueue_failed", { hostId, jobId, error });
    return ok(null);
  }
}
