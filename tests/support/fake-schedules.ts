import { DAY_MS } from "../../core/schedule/day.ts";
import * as v from "valibot";
import { hostForgetRefusal } from "../../core/retention/host-guard.ts";
import { planForget, type GroupSnapshot } from "../../core/retention/plan.ts";
import { scheduleEdit, scheduleInput } from "../../core/schedule/schedule-input.ts";
import {
  previewBody,
  type HooksResource,
  type HostDetail,
  type Problem,
  type ScheduleResource,
} from "../../protocol/api.ts";
import type { KeepPolicy } from "../../protocol/schedule.ts";
import type { World } from "./fake-console-api.ts";
import { problem } from "./fake-problem.ts";

interface Asked {
  method: string;
  hostId: string;
  /** What follows the host in the path: `schedules`, `schedules/ID/hooks`, `hooks`. */
  rest: readonly string[];
  body: unknown;
}
type Said = { status: number; body: unknown };

const ok = (body: unknown): Said => ({ status: 200, body });
const changed = () => problem(409, { code: "schedule.changed", message: "Someone else changed this schedule." });

/** Schedules and hooks as a server would answer: edits change the world, versions guard them, bad input is refused. */
export function answerSchedules(world: World, asked: Asked): Said {
  const detail = world.details.get(asked.hostId);
  if (!detail) return problem(404, { code: "host.not_found", message: "" });
  const [part, scheduleId, leaf] = asked.rest;
  if (part === "hooks") {
    if (asked.method === "PUT") world.hookShell = (asked.body as { shell: string }).shell;
    return hooks(world, detail.id, asked, { shell: world.hookShell });
  }
  if (scheduleId === undefined)
    return asked.method === "POST" ? create(world, detail, asked.body) : ok(detail.schedules);
  const schedule = detail.schedules.find((each) => each.id === scheduleId);
  if (!schedule) return problem(404, { code: "schedule.not_found", message: "" });
  switch (leaf) {
    case "hooks":
      return hooks(world, scheduleId, asked, {});
    case "run":
      return ok(world.jobs[0]);
    case "retention-preview":
      return preview(world, detail, scheduleId, asked.body);
    default:
      return asked.method === "DELETE" ? remove(world, detail, schedule) : edit(world, detail, schedule, asked.body);
  }
}

function invalid(issues: readonly v.BaseIssue<unknown>[]): Said {
  const { status, body } = problem(422, { code: "request.invalid", message: "" });
  const errors: Problem["errors"] = issues.map((issue) => ({
    field: v.getDotPath(issue) ?? "",
    message: issue.message,
  }));
  return { status, body: { ...body, errors } };
}

/** The host with other schedules, one version further. */
function keep(world: World, detail: HostDetail, schedules: ScheduleResource[]): void {
  const scheduleVersion = detail.scheduleVersion + 1;
  world.details.set(detail.id, {
    ...detail,
    schedules,
    scheduleVersion,
    appliedScheduleVersion: detail.online ? scheduleVersion : detail.appliedScheduleVersion,
  });
}

function create(world: World, detail: HostDetail, body: unknown): Said {
  const parsed = v.safeParse(scheduleInput, body);
  if (!parsed.success) return invalid(parsed.issues);
  const nowMs = Date.now();
  const schedule: ScheduleResource = {
    ...parsed.output,
    id: `018f0000-0000-7000-8000-0000000009${50 + detail.schedules.length}`,
    version: 1,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    late: false,
    hasHooks: false,
  };
  keep(world, detail, [...detail.schedules, schedule]);
  return { status: 201, body: schedule };
}

function edit(world: World, detail: HostDetail, old: ScheduleResource, body: unknown): Said {
  const parsed = v.safeParse(scheduleEdit, body);
  if (!parsed.success) return invalid(parsed.issues);
  const { version, confirmPlan: _confirmed, ...input } = parsed.output;
  if (version !== old.version) return changed();
  const { id, createdAtMs, lastRun, nextRunAtMs, hasHooks } = old;
  const schedule: ScheduleResource = {
    ...input,
    id,
    version: version + 1,
    createdAtMs,
    updatedAtMs: Date.now(),
    late: false,
    hasHooks,
    lastRun,
    nextRunAtMs: input.enabled && !input.manual ? nextRunAtMs : undefined,
  };
  keep(
    world,
    detail,
    detail.schedules.map((each) => (each.id === id ? schedule : each)),
  );
  return ok(schedule);
}

function remove(world: World, detail: HostDetail, schedule: ScheduleResource): Said {
  keep(
    world,
    detail,
    detail.schedules.filter((each) => each.id !== schedule.id),
  );
  return { status: 204, body: undefined };
}

function hooks(world: World, of: string, asked: Asked, more: object): Said {
  const held = world.hooks.get(of) ?? { hooks: null, version: 0 };
  if (asked.method === "GET") return ok({ ...held, ...more });
  const given = asked.body as HooksResource;
  if (given.version !== held.version) return changed();
  const next: HooksResource = { hooks: given.hooks, version: held.version + 1 };
  world.hooks.set(of, next);
  return ok({ ...next, ...more });
}

function preview(world: World, detail: HostDetail, scheduleId: string, body: unknown): Said {
  const parsed = v.safeParse(previewBody, body);
  if (!parsed.success) return invalid(parsed.issues);
  if (world.plan) return ok(world.plan);
  const plan = planOf(scheduleId, parsed.output.keep, Date.now());
  const refusal =
    detail.policy && hostForgetRefusal(detail.policy, plan.kept.length + plan.removed.length, plan.removed.length);
  return ok({ ...plan, ...(refusal ? { hostRefusal: refusal } : {}), listedAtMs: Date.now() - 2 * 3600_000 });
}

/** What rules do to 131 nights of snapshots. */
export function planOf(scheduleId: string, policy: KeepPolicy, nowMs: number) {
  const snapshots = Array.from({ length: 131 }, (_, night): GroupSnapshot => {
    const timeMs = nowMs - night * DAY_MS * (night > 60 ? 3 : 1) - 3600_000;
    return {
      id: night.toString(16).padStart(64, "0"),
      timeMs,
      firstSeenAtMs: timeMs + 60_000,
      vouched: false,
      tags: [`rm:schedule:${scheduleId}`],
    };
  });
  return planForget({ scheduleId, keep: policy, snapshots, nowMs });
}
