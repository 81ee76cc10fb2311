import {
  hooksResourceSchema,
  hostHooksResourceSchema,
  putHooksBody,
  putHostHooksBody,
  type HooksResource,
  type HostHooksResource,
} from "../../protocol/api.ts";
import { fail, ok, type Failure, type Result } from "../../protocol/failure.ts";
import type { Hooks, HostPolicy } from "../../protocol/schedule.ts";
import { actorOf } from "../access/actor.ts";
import type { Runtime } from "../bindings.ts";
import { invalidField } from "../input.ts";
import { route } from "../route.ts";
import {
  hooksPlace,
  loadHostHooksRow,
  openHooks,
  recordHostHooks,
  recordScheduleHooks,
  sealHooks,
} from "../store/hooks.ts";
import { loadHost } from "../store/hosts.ts";
import { loadScheduleRow } from "../store/schedules.ts";
import { noHost } from "./hosts.ts";
import { noSchedule, pushSchedules } from "./schedules.ts";

/** Refuses hooks that the host would refuse anyway, where it has told what its policy file allows. */
function checkPolicy(hooks: Hooks | null, policyText: string | null): Result<null> {
  if (hooks === null || policyText === null) return ok(null);
  const { allowHooks } = JSON.parse(policyText) as HostPolicy;
  for (const place of ["pre", "post"] as const) {
    const hook = hooks[place];
    if (hook === undefined || allowHooks === "remote" || (allowHooks === "named" && hook.kind === "named")) continue;
    const allowed = allowHooks === "none" ? "no hooks" : "only scripts of its own folder hooks.d";
    return invalidField(
      `hooks.${place}`,
      `this host allows ${allowed}; its administrator can allow it there with: sudo restic-manager-agent policy set allow_hooks ${hook.kind}`,
    );
  }
  return ok(null);
}

/** What the audit log keeps of hooks: which there are, never their text. */
function outlineOf(hooks: Hooks | null) {
  const outline = (hook: Hooks["pre"]) =>
    hook === undefined ? null : hook.kind === "named" ? { kind: hook.kind, name: hook.name } : { kind: hook.kind };
  if (hooks === null) return { hooks: null };
  return { hooks: { pre: outline(hooks.pre), post: outline(hooks.post), timeoutMinutes: hooks.timeoutMinutes } };
}

function changedMeanwhile(): { ok: false; failure: Failure } {
  return fail("schedule.changed", "Someone else changed these hooks meanwhile. Reload them and edit them again.");
}

/** The stored hooks, or word that the server's present key does not open them. */
function readHooks(runtime: Runtime, place: ReturnType<typeof hooksPlace>, sealed: string | null): HooksResource {
  const { version } = place;
  try {
    return { hooks: openHooks(runtime.secretKeys, place, sealed), version };
  } catch (error) {
    runtime.log.error("hooks.unreadable", { table: place.table, row: place.row, error });
    return { hooks: null, version, unreadable: true };
  }
}

export const hookRoutes = [
  route({
    method: "GET",
    path: "/api/hosts/:id/hooks",
    access: { action: "hook.read" },
    summary: "The hooks that a host's backups run unless their schedule has its own",
    response: hostHooksResourceSchema,
    async handler({ runtime, params }) {
      const row = await loadHostHooksRow(runtime.db, params.id);
      if (!row) return noHost();
      const read = readHooks(runtime, hooksPlace("hosts", params.id, row.version), row.sealed);
      const answer: HostHooksResource = { ...read, shell: row.shell };
      return ok(answer);
    },
  }),
  route({
    method: "PUT",
    path: "/api/hosts/:id/hooks",
    access: { action: "hook.write" },
    summary: "Replace a host's default hooks and the shell that reads hook texts",
    body: putHostHooksBody,
    response: hostHooksResourceSchema,
    async handler({ runtime, peer, params, body }, principal) {
      const { db, random, secretKeys } = runtime;
      const { hooks, version, shell } = body;
      const [row, host] = await Promise.all([loadHostHooksRow(db, params.id), loadHost(db, params.id, runtime.now())]);
      if (!row || !host) return noHost();
      const allowed = checkPolicy(hooks, row.policy);
      if (!allowed.ok) return allowed;
      const sealed = sealHooks(secretKeys[0], hooksPlace("hosts", params.id, version + 1), hooks, random);
      const audit = {
        ...actorOf(principal, peer),
        action: "hook.edit",
        targetKind: "host",
        targetId: host.id,
        targetName: host.name,
        detail: { ...outlineOf(hooks), shell },
      };
      const change = { hostId: host.id, sealed, version, shell };
      if (!(await recordHostHooks(db, change, audit, { nowMs: runtime.now(), random }))) return changedMeanwhile();
      await pushSchedules(runtime, host.id);
      const answer: HostHooksResource = { hooks, version: version + 1, shell };
      return ok(answer);
    },
  }),
  route({
    method: "GET",
    path: "/api/hosts/:id/schedules/:sid/hooks",
    access: { action: "hook.read" },
    summary: "A backup schedule's own hooks; null while it runs the host's",
    response: hooksResourceSchema,
    async handler({ runtime, params }) {
      const row = await loadScheduleRow(runtime.db, params.id, params.sid);
      if (!row) return noSchedule();
      return ok(readHooks(runtime, hooksPlace("schedules", row.id, row.hooksVersion), row.hooks));
    },
  }),
  route({
    method: "PUT",
    path: "/api/hosts/:id/schedules/:sid/hooks",
    access: { action: "hook.write" },
    summary: "Replace a backup schedule's own hooks; null gives it the host's",
    body: putHooksBody,
    response: hooksResourceSchema,
    async handler({ runtime, peer, params, body }, principal) {
      const { db, random, secretKeys } = runtime;
      const { hooks, version } = body;
      const [row, host] = await Promise.all([
        loadScheduleRow(db, params.id, params.sid),
        loadHostHooksRow(db, params.id),
      ]);
      if (!row || !host) return noSchedule();
      if (row.kind !== "backup") return invalidField("hooks", "only a backup schedule has hooks");
      const allowed = checkPolicy(hooks, host.policy);
      if (!allowed.ok) return allowed;
      const sealed = sealHooks(secretKeys[0], hooksPlace("schedules", row.id, version + 1), hooks, random);
      const audit = {
        ...actorOf(principal, peer),
        action: "hook.edit",
        targetKind: "schedule",
        targetId: row.id,
        targetName: row.name,
        detail: { hostId: params.id, ...outlineOf(hooks) },
      };
      const change = { hostId: params.id, scheduleId: row.id, sealed, version };
      if (!(await recordScheduleHooks(db, change, audit, { nowMs: runtime.now(), random }))) return changedMeanwhile();
      await pushSchedules(runtime, params.id);
      const answer: HooksResource = { hooks, version: version + 1 };
      return ok(answer);
    },
  }),
];
