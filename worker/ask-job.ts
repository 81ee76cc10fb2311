import { uuidv7 } from "../core/ids.ts";
import type { JobResource } from "../protocol/api.ts";
import { fail, ok, type Failure, type Result } from "../protocol/failure.ts";
import { START_NOT_AFTER_MS } from "../protocol/limits.ts";
import type { JobSpec } from "../protocol/wire.ts";
import { actorOf } from "./access/actor.ts";
import { announceJob } from "./announce.ts";
import type { Peer, QueuedJob, Runtime } from "./bindings.ts";
import { applyRetention } from "./forget/apply-retention.ts";
import { handOver } from "./hand-over.ts";
import type { Principal } from "./route.ts";
import { noHost } from "./routes/hosts.ts";
import type { AuditEntry } from "./store/audit.ts";
import { loadNamedHost, type NamedHost } from "./store/hosts.ts";
import { recordJobAsked, recordJobNotTaken } from "./store/jobs.ts";

/** A person who asks a host that can be asked. */
export interface Asking {
  runtime: Runtime;
  host: NamedHost;
  principal: Principal;
  peer: Peer;
}

/** The host, if it can take a job now. */
export async function readyHost(runtime: Runtime, hostId: string): Promise<Result<NamedHost>> {
  const host = await loadNamedHost(runtime.db, hostId);
  if (!host) return noHost();
  if (host.locked) {
    return fail(
      "host.locked",
      "Two machines claim to be this host. An administrator has to pick the right one on its page first.",
    );
  }
  if (!(await runtime.relay(host.id).isOnline())) {
    return fail("host.offline", "This host is offline. Run the job when it is back.", { retry: true });
  }
  return ok(host);
}

/** The answer to a forget where no schedule says what to keep. */
export function noRetention(): { ok: false; failure: Failure } {
  return fail("forget.nothing", "No retention is set here, so every snapshot stays. Set one in the schedule first.");
}

function auditOf({ host, principal, peer }: Asking, kind: JobSpec["kind"], jobId: string): AuditEntry {
  return {
    ...actorOf(principal, peer),
    action: "job.run",
    targetKind: "host",
    targetId: host.id,
    targetName: host.name,
    detail: { jobId, kind },
  };
}

/** Writes a job down and hands it to the host's relay. Answers the job as it is then. */
export async function askJob(asking: Asking, spec: JobSpec, scheduleName: string | null): Promise<Result<JobResource>> {
  const { runtime, host, principal } = asking;
  const { db, random } = runtime;
  const nowMs = runtime.now();
  const job = {
    id: uuidv7(nowMs, random),
    hostId: host.id,
    spec,
    scheduleName,
    source: "asked" as const,
    askedBy: principal.name,
    notAfterMs: nowMs + START_NOT_AFTER_MS,
  };
  if (!(await recordJobAsked(db, job, auditOf(asking, spec.kind, job.id), { nowMs, random }))) {
    return fail("job.conflict", "The same job already waits on this host.");
  }
  const { id: jobId, notAfterMs } = job;
  return handOverAsked(runtime, host.id, { jobId, spec, notAfterMs, createdAtMs: nowMs, cancelAsked: false });
}

/**
 * Applies the retention of each of these schedules, whatever becomes of the others. Answers the first forget that came
 * of it, which may be held; else why there is none, which is forget.nothing when there is nothing to remove.
 */
export async function askForgets(asking: Asking, scheduleIds: readonly string[]): Promise<Result<JobResource>> {
  const { runtime, host, principal } = asking;
  let made: JobResource | null = null;
  let refused: Result<JobResource> | null = null;
  let hasRetention = false;
  for (const scheduleId of scheduleIds) {
    const outcome = await applyRetention(runtime, host.id, scheduleId, {
      by: "person",
      name: principal.name,
      audit: (jobId) => auditOf(asking, "forget", jobId),
    });
    hasRetention ||= outcome.is !== "no-retention";
    switch (outcome.is) {
      case "no-retention":
        break;
      case "under-way":
        refused ??= fail("job.conflict", "A forget of this schedule already waits or runs on this host.");
        break;
      case "overtaken":
        refused ??= fail("request.conflict", "This was changed meanwhile. Try again.");
        break;
      case "nothing":
        if (outcome.ended !== null) await announceJob(runtime, host.id, outcome.ended);
        break;
      case "held": {
        const held = await announceJob(runtime, host.id, outcome.jobId);
        made ??= held;
        break;
      }
      case "queued": {
        const { id: jobId, spec, notAfterMs } = outcome.job;
        if (outcome.ended !== null) await announceJob(runtime, host.id, outcome.ended);
        const offer = { jobId, spec, notAfterMs, createdAtMs: runtime.now(), cancelAsked: false };
        const asked = await handOverAsked(runtime, host.id, offer);
        if (asked.ok) made ??= asked.value;
        else refused ??= asked;
      }
    }
  }
  if (made) return ok(made);
  if (!hasRetention) return noRetention();
  return (
    refused ?? fail("forget.nothing", "The retention keeps every snapshot there is, so there is nothing to remove.")
  );
}

/** Hands a job over that is written down; a host that does not take it settles it as failed. */
async function handOverAsked(
  runtime: Runtime,
  hostId: string,
  job: Omit<QueuedJob, "lent">,
): Promise<Result<JobResource>> {
  const { jobId } = job;
  try {
    const taken = await handOver(runtime, hostId, job);
    if (!taken.ok) {
      await recordJobNotTaken(runtime.db, jobId, taken.failure, runtime.now());
      return taken;
    }
  } catch (error) {
    // The row is there: the sweeper of run-due.ts offers it again until notAfterMs.
    runtime.log.warn("relay.enqueue_failed", { hostId, jobId, error });
  }
  const made = await announceJob(runtime, hostId, jobId);
  return made ? ok(made) : noHost();
}
