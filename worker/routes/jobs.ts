import * as v from "valibot";
import { chooseRepository, chooseSchedule } from "../../core/jobs/choose.ts";
import { uuidv7 } from "../../core/ids.ts";
import { createJobBody, cursorQuery, jobSchema, limitQuery, pageOf } from "../../protocol/api.ts";
import { fail, ok, type Failure, type Result } from "../../protocol/failure.ts";
import { START_NOT_AFTER_MS } from "../../protocol/limits.ts";
import { uuid } from "../../protocol/scalars.ts";
import { JOB_STATES, TERMINAL_STATES } from "../../protocol/stream.ts";
import { JOB_KINDS, type JobSpec } from "../../protocol/wire.ts";
import { actorOf } from "../access/actor.ts";
import { announce } from "../announce.ts";
import type { Database, Runtime } from "../bindings.ts";
import { logFileName, logStream } from "../job-log.ts";
import { pageOfRows, readAfter } from "../page.ts";
import { Reply, route } from "../route.ts";
import { loadHost } from "../store/hosts.ts";
import {
  jobResource,
  listJobRows,
  loadJob,
  recordCancelAsked,
  recordJobAsked,
  recordJobNotTaken,
} from "../store/jobs.ts";
import { listRepositoryRows } from "../store/repositories.ts";
import { listSchedules } from "../store/schedules.ts";
import { noHost } from "./hosts.ts";

function noJob(): { ok: false; failure: Failure } {
  return fail("job.not_found", "There is no such job.");
}
function alreadyFinished(): { ok: false; failure: Failure } {
  return fail("job.already_finished", "This job has already ended.");
}

/** What the agent is asked to do, from the schedules and repositories the host has now. */
async function specOf(
  db: Database,
  hostId: string,
  body: v.InferOutput<typeof createJobBody>,
  nowMs: number,
): Promise<Result<{ spec: JobSpec; scheduleName: string | null }>> {
  const repositories = await listRepositoryRows(db, hostId);
  if (body.kind === "init" || body.kind === "snapshots") {
    const repository = chooseRepository(repositories, body.repositoryId);
    if (!repository.ok) return repository;
    return ok({ spec: { kind: body.kind, repositoryId: repository.value.id }, scheduleName: null });
  }
  if (body.kind !== "backup") return fail("protocol.unsupported", "This server cannot run such a job yet.");
  const backups = (await listSchedules(db, hostId, nowMs)).filter((schedule) => schedule.kind === "backup");
  const schedule = chooseSchedule(backups, body.scheduleId);
  if (!schedule.ok) return schedule;
  const { id, name, repositoryId, paths, excludes, tags, limits } = schedule.value;
  const repository = chooseRepository(repositories, repositoryId);
  if (!repository.ok) return repository;
  const createRepository = repository.value.createRepository === 1;
  const { verbose } = body;
  return ok({
    spec: { kind: "backup", repositoryId, scheduleId: id, paths, excludes, tags, createRepository, verbose, limits },
    scheduleName: name,
  });
}

async function announceJob(runtime: Runtime, hostId: string, jobId: string): Promise<void> {
  const [host, job] = await Promise.all([loadHost(runtime.db, hostId, runtime.now()), loadJob(runtime.db, jobId)]);
  if (!host || !job) return;
  const { kind, state } = job;
  await announce(runtime, [
    { type: "hostChanged", host },
    { type: "jobChanged", hostId, jobId, kind, state },
  ]);
}

export const jobRoutes = [
  route({
    method: "POST",
    path: "/api/hosts/:id/jobs",
    access: { action: "job.run" },
    summary: "Ask a connected host to run a job now",
    body: createJobBody,
    response: jobSchema,
    status: 202,
    async handler({ runtime, peer, params, body }, principal) {
      const { db, random } = runtime;
      const host = await loadHost(db, params.id, runtime.now());
      if (!host) return noHost();
      if (host.locked) {
        return fail(
          "host.locked",
          "Two copies of this host's agent were seen. An administrator has to choose one first.",
        );
      }
      const chosen = await specOf(db, host.id, body, runtime.now());
      if (!chosen.ok) return chosen;
      const { spec, scheduleName } = chosen.value;
      const relay = runtime.relay(host.id);
      if (!(await relay.isOnline())) {
        return fail("host.offline", "This host is offline. Run the job when it is back.", { retry: true });
      }
      const nowMs = runtime.now();
      const job = {
        id: uuidv7(nowMs, random),
        hostId: host.id,
        spec,
        scheduleName,
        askedBy: principal.name,
        notAfterMs: nowMs + START_NOT_AFTER_MS,
      };
      const audit = {
        ...actorOf(principal, peer),
        action: "job.run",
        targetKind: "host",
        targetId: host.id,
        targetName: host.name,
        detail: { jobId: job.id, kind: spec.kind },
      };
      if (!(await recordJobAsked(db, job, audit, { nowMs, random }))) {
        return fail("job.conflict", "A backup of the same schedule already waits on this host.");
      }
      const { id: jobId, notAfterMs } = job;
      try {
        const taken = await relay.enqueue({ jobId, spec, notAfterMs, createdAtMs: nowMs, cancelAsked: false });
        if (!taken.ok) {
          await recordJobNotTaken(db, jobId, taken.failure, nowMs);
          return taken;
        }
      } catch (error) {
        // The row is there: the sweeper of run-due.ts offers it again until notAfterMs.
        runtime.log.warn("relay.enqueue_failed", { hostId: host.id, jobId, error });
      }
      await announceJob(runtime, host.id, jobId);
      const made = await loadJob(db, jobId);
      return made ? ok(made) : noHost();
    },
  }),
  route({
    method: "GET",
    path: "/api/jobs",
    access: { action: "job.read" },
    summary: "Jobs, newest first",
    query: v.strictObject({
      hostId: v.optional(uuid),
      state: v.optional(v.picklist(JOB_STATES)),
      kind: v.optional(v.picklist(JOB_KINDS)),
      limit: limitQuery,
      after: cursorQuery,
    }),
    response: pageOf(jobSchema),
    async handler({ runtime, query }) {
      const after = readAfter(query.after, ["integer", "text"]);
      if (!after.ok) return after;
      const rows = await listJobRows(runtime.db, query, after.value, query.limit + 1);
      return ok(pageOfRows(rows, query.limit, jobResource, ({ job }) => [job.createdAt, job.id]));
    },
  }),
  route({
    method: "GET",
    path: "/api/jobs/:id",
    access: { action: "job.read" },
    summary: "One job",
    response: jobSchema,
    async handler({ runtime, params }) {
      const job = await loadJob(runtime.db, params.id);
      return job ? ok(job) : noJob();
    },
  }),
  route({
    method: "GET",
    path: "/api/jobs/:id/log",
    access: { action: "job.read" },
    summary: "The log of a job as plain text, as far as it is kept",
    async handler({ runtime, params }) {
      const job = await loadJob(runtime.db, params.id);
      if (!job) return noJob();
      return ok(
        new Reply({
          raw: await logStream(runtime.relay(job.hostId), job.id),
          headers: {
            "content-type": "text/plain; charset=utf-8",
            "content-disposition": logFileName(job),
          },
        }),
      );
    },
  }),
  route({
    method: "POST",
    path: "/api/jobs/:id/cancel",
    access: { action: "job.cancel" },
    summary: "Ask for a job to be cancelled; the host says when it has been",
    response: jobSchema,
    status: 202,
    async handler({ runtime, peer, params }, principal) {
      const { db, random } = runtime;
      const job = await loadJob(db, params.id);
      if (!job) return noJob();
      if (TERMINAL_STATES.has(job.state)) return alreadyFinished();
      const audit = {
        ...actorOf(principal, peer),
        action: "job.cancel",
        targetKind: "host",
        targetId: job.hostId,
        targetName: job.hostName,
        detail: { jobId: job.id, kind: job.kind },
      };
      await recordCancelAsked(db, job.id, principal.name, audit, { nowMs: runtime.now(), random });
      const asked = await runtime.relay(job.hostId).cancel(job.id);
      // A relay that does not know the job yet is told when the sweeper offers it: the wish is on the row.
      if (!asked.ok && asked.failure.code !== "job.not_found") return asked;
      const after = await loadJob(db, job.id);
      return after ? ok(after) : noJob();
    },
  }),
];
