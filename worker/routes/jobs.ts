import * as v from "valibot";
import { mayDo, type Action } from "../../core/access/actions.ts";
import { encodeCursor } from "../../core/cursor.ts";
import { chooseRepository, chooseSchedule } from "../../core/jobs/choose.ts";
import { specOfSchedule } from "../../core/schedule/job-spec.ts";
import {
  createJobBody,
  cursorQuery,
  jobSchema,
  limitQuery,
  pageOf,
  runScheduleBody,
  type JobResource,
} from "../../protocol/api.ts";
import { fail, ok, type Failure, type Result } from "../../protocol/failure.ts";
import { uuid } from "../../protocol/scalars.ts";
import { JOB_STATES, TERMINAL_STATES } from "../../protocol/stream.ts";
import { JOB_KINDS, type JobSpec } from "../../protocol/wire.ts";
import { actorOf } from "../access/actor.ts";
import { announceJob } from "../announce.ts";
import { askForgets, askJob, noRetention, readyHost, type Asking } from "../ask-job.ts";
import { invalidField } from "../input.ts";
import { logFileName, logStream } from "../job-log.ts";
import { pageOfRows, readAfter } from "../page.ts";
import { Reply, route, type Principal } from "../route.ts";
import { listWaitingForForget, recordHeldDiscarded } from "../store/forgets.ts";
import { loadHostSchedules } from "../store/host-sets.ts";
import { jobResource, listJobRows, loadJob, recordCancelAsked } from "../store/jobs.ts";
import { listRepositoryRows } from "../store/repositories.ts";
import { listScheduleRows, loadScheduleRow, type ScheduleRow } from "../store/schedules.ts";
import { noSchedule } from "./schedules.ts";

export function noJob(): { ok: false; failure: Failure } {
  return fail("job.not_found", "There is no such job.");
}
function alreadyFinished(): { ok: false; failure: Failure } {
  return fail("job.already_finished", "This job has already ended.");
}

/** The finer of a route's actions, which depends on what is asked. */
function allowed(principal: Principal, action: Action, what: string): Result<null> {
  if (mayDo(principal.role, action)) return ok(null);
  return fail("auth.forbidden", `Your role, ${principal.role}, may not ${what}. Ask an administrator.`);
}

type Overrides = Pick<v.InferOutput<typeof runScheduleBody>, "limits"> & { verbose?: boolean };

/** Runs a schedule of any kind now, as its clock would, but for the overrides. */
async function runSchedule(asking: Asking, row: ScheduleRow, overrides: Overrides): Promise<Result<JobResource>> {
  const { runtime, host, principal } = asking;
  const { db } = runtime;
  const limits = overrides.limits === undefined ? {} : { limits: overrides.limits };
  switch (row.kind) {
    case "forget":
      return askForgets(asking, await listWaitingForForget(db, host.id, row.repositoryId));
    case "prune": {
      const may = allowed(principal, "job.prune", "prune");
      if (!may.ok) return may;
      const spec: JobSpec = {
        kind: "prune",
        repositoryId: row.repositoryId,
        scheduleId: row.id,
        limits: overrides.limits ?? (JSON.parse(row.limits) as NonNullable<Overrides["limits"]>),
      };
      return askJob(asking, spec, row.name);
    }
    case "backup":
    case "check": {
      const set = await loadHostSchedules(db, host.id, runtime.secretKeys, runtime.random, row.id);
      const schedule = set?.schedules[0];
      if (!schedule) return noSchedule();
      const spec = specOfSchedule(schedule);
      const verbose = spec.kind === "backup" ? { verbose: overrides.verbose ?? false } : {};
      return askJob(asking, { ...spec, ...verbose, ...limits }, row.name);
    }
  }
}

const choosable = (row: ScheduleRow) => ({ ...row, enabled: row.enabled === 1, manual: row.manual === 1, row });

/** Carries out what the body of POST /api/hosts/:id/jobs asks for. */
async function askOf(asking: Asking, body: v.InferOutput<typeof createJobBody>): Promise<Result<JobResource>> {
  const { runtime, host, principal } = asking;
  if (body.kind === "backup" || body.kind === "forget") {
    const backups = (await listScheduleRows(runtime.db, host.id)).filter((row) => row.kind === "backup");
    const isFitting = (row: ScheduleRow) =>
      body.kind === "backup" || row.retention !== null || row.id === body.scheduleId;
    const fitting = backups.filter(isFitting);
    if (body.kind === "forget" && backups.length > 0 && fitting.length === 0) return noRetention();
    const schedule = chooseSchedule(fitting.map(choosable), body.scheduleId);
    if (!schedule.ok) return schedule;
    if (body.kind === "forget") return askForgets(asking, [schedule.value.id]);
    return runSchedule(asking, schedule.value.row, body);
  }
  if (body.kind === "prune") {
    const may = allowed(principal, "job.prune", "prune");
    if (!may.ok) return may;
  }
  if (body.kind === "unlock" && body.removeAll) {
    const may = allowed(principal, "job.unlock_all", "remove locks that others hold");
    if (!may.ok) return may;
  }
  const repository = chooseRepository(await listRepositoryRows(runtime.db, host.id), body.repositoryId);
  if (!repository.ok) {
    const { code, message } = repository.failure;
    return code === "request.invalid" ? invalidField("repositoryId", message) : repository;
  }
  return askJob(asking, { ...body, repositoryId: repository.value.id }, null);
}

const timeQuery = v.optional(v.pipe(v.string(), v.regex(/^\d{1,15}$/, "must be a time in ms"), v.transform(Number)));

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
      const host = await readyHost(runtime, params.id);
      return host.ok ? askOf({ runtime, host: host.value, principal, peer }, body) : host;
    },
  }),
  route({
    method: "POST",
    path: "/api/hosts/:id/schedules/:sid/run",
    access: { action: "job.run" },
    summary: "Run a schedule now; a forget may come out held",
    body: runScheduleBody,
    response: jobSchema,
    status: 202,
    async handler({ runtime, peer, params, body }, principal) {
      // A wrong address is told before a host that is away: coming back would not mend it.
      const row = await loadScheduleRow(runtime.db, params.id, params.sid);
      if (!row) return noSchedule();
      const host = await readyHost(runtime, params.id);
      if (!host.ok) return host;
      const chosen = chooseSchedule([choosable(row)], row.id);
      if (!chosen.ok) return chosen;
      return runSchedule({ runtime, host: host.value, principal, peer }, row, body);
    },
  }),
  route({
    method: "GET",
    path: "/api/jobs",
    access: { action: "job.read" },
    summary: "Jobs, newest first; with a filter a page may hold few or none and yet name a next one",
    query: v.strictObject({
      hostId: v.optional(uuid),
      scheduleId: v.optional(uuid),
      since: timeQuery,
      until: timeQuery,
      state: v.optional(v.picklist(JOB_STATES)),
      kind: v.optional(v.picklist(JOB_KINDS)),
      limit: limitQuery,
      after: cursorQuery,
    }),
    response: pageOf(jobSchema),
    async handler({ runtime, query }) {
      const after = readAfter(query.after, ["integer", "text"]);
      if (!after.ok) return after;
      const filter = { ...query, sinceMs: query.since, untilMs: query.until };
      const { rows, examinedTo } = await listJobRows(runtime.db, filter, after.value, query.limit + 1);
      const page = pageOfRows(rows, query.limit, jobResource, ({ job }) => [job.createdAt, job.id]);
      return ok(page.next === undefined && examinedTo ? { ...page, next: encodeCursor(examinedTo) } : page);
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
      const at = { nowMs: runtime.now(), random };
      if (job.state === "held") {
        const discarded = await recordHeldDiscarded(db, job, principal.name, audit, at);
        if (!discarded) return fail("request.conflict", "This forget is no longer held. Reload the page.");
        return ok((await announceJob(runtime, job.hostId, job.id)) ?? job);
      }
      await recordCancelAsked(db, job.id, principal.name, audit, at);
      const asked = await runtime.relay(job.hostId).cancel(job.id);
      // A relay that does not know the job yet is told when the sweeper offers it: the wish is on the row.
      if (!asked.ok && asked.failure.code !== "job.not_found") return asked;
      const after = await loadJob(db, job.id);
      return after ? ok(after) : noJob();
    },
  }),
];
