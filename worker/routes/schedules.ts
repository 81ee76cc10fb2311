import { mayDo } from "../../core/access/actions.ts";
import { uuidv7 } from "../../core/ids.ts";
import { scheduleEdit, scheduleInput } from "../../core/schedule/schedule-input.ts";
import { hostScheduleSchema, pageOf, versionQuery } from "../../protocol/api.ts";
import { fail, ok, type Failure, type Result } from "../../protocol/failure.ts";
import type { ScheduleInput } from "../../protocol/schedule.ts";
import { actorOf } from "../access/actor.ts";
import { announce } from "../announce.ts";
import type { Peer, Runtime } from "../bindings.ts";
import { invalidField } from "../input.ts";
import { planNow } from "../forget/plan-forget.ts";
import { route, type Principal } from "../route.ts";
import { loadRetained } from "../store/forgets.ts";
import { hostExists, loadHost } from "../store/hosts.ts";
import {
  recordScheduleAdded,
  recordScheduleEdited,
  recordScheduleRemoved,
  type EditOutcome,
} from "../store/schedule-edits.ts";
import { listSchedules, loadScheduleRow, scheduleOfRow } from "../store/schedules.ts";
import { noHost } from "./hosts.ts";

/** The answer for a schedule that is not this host's. */
export function noSchedule(): { ok: false; failure: Failure } {
  return fail("schedule.not_found", "This host has no such schedule. It may have been removed.");
}

function refusalOf(outcome: Exclude<EditOutcome, "done">): { ok: false; failure: Failure } {
  switch (outcome) {
    case "no-host":
      return noHost();
    case "no-schedule":
      return noSchedule();
    case "no-repository":
      return invalidField("repositoryId", "this host has no such repository");
    case "changed":
      return fail("schedule.changed", "Someone else changed this schedule meanwhile. Reload it and edit it again.");
    case "too-many":
      return fail("schedule.limit", "A host can have 50 schedules at most. Remove one first.");
  }
}

function auditOf(
  principal: Principal,
  peer: Peer,
  action: "schedule.create" | "schedule.edit" | "schedule.delete",
  schedule: { id: string; name: string },
  detail: Record<string, unknown>,
) {
  const target = { targetKind: "schedule", targetId: schedule.id, targetName: schedule.name };
  return { ...actorOf(principal, peer), action, ...target, detail };
}

/** Whoever sets when a prune runs has it run: that is for those who may prune. */
function mayFire(principal: Principal, { kind }: ScheduleInput): Result<null> {
  if (kind !== "prune" || mayDo(principal.role, "job.prune")) return ok(null);
  return fail("auth.forbidden", `Your role, ${principal.role}, may not schedule a prune. Ask an administrator.`);
}

/** Whether a plan is what the retention of `input` would remove now. */
async function isPlanNow(
  runtime: Runtime,
  hostId: string,
  scheduleId: string,
  input: ScheduleInput,
  fingerprint: string,
): Promise<boolean> {
  const retained = await loadRetained(runtime.db, hostId, scheduleId);
  if (!retained || input.kind !== "backup" || input.retention === null) return false;
  const group = { ...retained, repositoryId: input.repositoryId };
  return (await planNow(runtime.db, group, input.retention.keep, runtime.now())).fingerprint === fingerprint;
}

function planChanged(): { ok: false; failure: Failure } {
  return fail(
    "forget.plan_changed",
    "The snapshots are no longer those of the plan that was shown, so nothing was saved. Look at the new plan and save again.",
  );
}

/** The fields in which two schedules differ, as they were and as they are. */
function difference(before: ScheduleInput, after: ScheduleInput) {
  const [from, to] = [before, after].map((schedule) => new Map<string, unknown>(Object.entries(schedule)));
  const fields = [...new Set([...from!.keys(), ...to!.keys()])].filter(
    (field) => JSON.stringify(from!.get(field)) !== JSON.stringify(to!.get(field)),
  );
  const only = (schedule: Map<string, unknown>) =>
    Object.fromEntries(fields.filter((field) => schedule.has(field)).map((field) => [field, schedule.get(field)]));
  return { before: only(from!), after: only(to!) };
}

/** Brings a host's new set of schedules to its agent and to the dashboards. */
export async function pushSchedules(runtime: Runtime, hostId: string): Promise<void> {
  try {
    await runtime.relay(hostId).scheduleChanged();
  } catch (error) {
    // The agent's next hello compares versions, so it gets the set then.
    runtime.log.warn("relay.schedule_push_failed", { hostId, error });
  }
  const host = await loadHost(runtime.db, hostId, runtime.now());
  if (host) await announce(runtime, [{ type: "hostChanged", host }]);
}

async function scheduleAnswer(runtime: Runtime, hostId: string, scheduleId: string): Promise<Result<unknown>> {
  const made = (await listSchedules(runtime.db, hostId, runtime.now())).find(({ id }) => id === scheduleId);
  return made ? ok(made) : noSchedule();
}

export const scheduleRoutes = [
  route({
    method: "GET",
    path: "/api/hosts/:id/schedules",
    access: { action: "host.read" },
    summary: "A host's schedules with their runs, in the order they were made",
    response: pageOf(hostScheduleSchema),
    async handler({ runtime, params }) {
      const [known, items] = await Promise.all([
        hostExists(runtime.db, params.id),
        listSchedules(runtime.db, params.id, runtime.now()),
      ]);
      return known ? ok({ items }) : noHost();
    },
  }),
  route({
    method: "POST",
    path: "/api/hosts/:id/schedules",
    access: { action: "schedule.edit" },
    summary: "Add a schedule; the host gets it at once, or when it is back",
    body: scheduleInput,
    response: hostScheduleSchema,
    status: 201,
    async handler({ runtime, peer, params, body }, principal) {
      const may = mayFire(principal, body);
      if (!may.ok) return may;
      const { db, random } = runtime;
      const nowMs = runtime.now();
      const id = uuidv7(nowMs, random);
      const audit = auditOf(
        principal,
        peer,
        "schedule.create",
        { id, name: body.name },
        { hostId: params.id, after: body },
      );
      const outcome = await recordScheduleAdded(db, params.id, id, body, audit, { nowMs, random });
      if (outcome !== "done") return refusalOf(outcome);
      await pushSchedules(runtime, params.id);
      return scheduleAnswer(runtime, params.id, id);
    },
  }),
  route({
    method: "PUT",
    path: "/api/hosts/:id/schedules/:sid",
    access: { action: "schedule.edit" },
    summary: "Replace a schedule, if it is still of the version that was read",
    body: scheduleEdit,
    response: hostScheduleSchema,
    async handler({ runtime, peer, params, body }, principal) {
      const { db, random } = runtime;
      const { version, confirmPlan, ...input } = body;
      const row = await loadScheduleRow(db, params.id, params.sid);
      if (!row) return noSchedule();
      if (row.kind !== input.kind) {
        return invalidField("kind", "cannot change; add another schedule of that kind and remove this one");
      }
      const may = mayFire(principal, input);
      if (!may.ok) return may;
      if (confirmPlan !== undefined && !mayDo(principal.role, "job.release")) {
        return fail(
          "auth.forbidden",
          `Your role, ${principal.role}, may not confirm what a retention removes. Save without it, or ask an administrator.`,
        );
      }
      if (confirmPlan !== undefined && (input.kind !== "backup" || input.retention === null)) {
        return invalidField("confirmPlan", "needs a backup schedule with a retention");
      }
      if (confirmPlan !== undefined && row.version === version) {
        const isSame = await isPlanNow(runtime, params.id, row.id, input, confirmPlan);
        if (!isSame) return planChanged();
      }
      const audit = auditOf(
        principal,
        peer,
        "schedule.edit",
        { id: row.id, name: input.name },
        {
          hostId: params.id,
          ...difference(scheduleOfRow(row), input),
          ...(confirmPlan === undefined ? {} : { confirmPlan }),
        },
      );
      const edit = {
        hostId: params.id,
        scheduleId: row.id,
        version,
        input,
        confirmPlan: confirmPlan ?? null,
      };
      const outcome = await recordScheduleEdited(db, edit, audit, { nowMs: runtime.now(), random });
      if (outcome !== "done") return refusalOf(outcome);
      await pushSchedules(runtime, params.id);
      return scheduleAnswer(runtime, params.id, row.id);
    },
  }),
  route({
    method: "DELETE",
    path: "/api/hosts/:id/schedules/:sid",
    access: { action: "schedule.edit" },
    summary: "Remove a schedule; the snapshots it made stay",
    query: versionQuery,
    status: 204,
    async handler({ runtime, peer, params, query }, principal) {
      const { db, random } = runtime;
      const row = await loadScheduleRow(db, params.id, params.sid);
      if (!row) return noSchedule();
      const audit = auditOf(principal, peer, "schedule.delete", row, {
        hostId: params.id,
        before: scheduleOfRow(row),
      });
      const removal = { hostId: params.id, scheduleId: row.id, version: query.version };
      const outcome = await recordScheduleRemoved(db, removal, audit, { nowMs: runtime.now(), random });
      if (outcome !== "done") return refusalOf(outcome);
      await pushSchedules(runtime, params.id);
      return ok(null);
    },
  }),
];
