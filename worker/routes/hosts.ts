import * as v from "valibot";
import {
  cursorQuery,
  deleteHostBody,
  HOST_STATUSES,
  hostDaySchema,
  hostDetailSchema,
  hostSchema,
  limitQuery,
  pageOf,
  patchHostBody,
} from "../../protocol/api.ts";
import { cloneChoiceBody } from "../../protocol/claimants.ts";
import { fail, ok, type Failure } from "../../protocol/failure.ts";
import { actorOf } from "../access/actor.ts";
import { announce } from "../announce.ts";
import { pageOfRows, readAfter } from "../page.ts";
import { route } from "../route.ts";
import {
  hostExists,
  hostResource,
  listHostRows,
  loadHost,
  listHostDays,
  loadHostAbout,
  recordHostDeleted,
  recordHostEdited,
} from "../store/hosts.ts";
import { listRepositoryRows, repositoryResource } from "../store/repositories.ts";
import { listSchedules } from "../store/schedules.ts";

/** The answer for a host that is not there. */
export function noHost(): { ok: false; failure: Failure } {
  return fail("host.not_found", "There is no such host. It may have been removed.");
}

const daysQuery = v.optional(
  v.pipe(
    v.string(),
    v.regex(/^\d{1,3}$/, "must be a number from 1 to 400"),
    v.transform(Number),
    v.minValue(1),
    v.maxValue(400),
  ),
  "90",
);
const part = v.pipe(v.string(), v.minLength(1), v.maxLength(128));

export const hostRoutes = [
  route({
    method: "GET",
    path: "/api/hosts",
    access: { action: "host.read" },
    summary: "Hosts, worst first, then by name",
    query: v.strictObject({
      status: v.optional(v.picklist(HOST_STATUSES)),
      tag: v.optional(part),
      q: v.optional(part),
      limit: limitQuery,
      after: cursorQuery,
    }),
    response: pageOf(hostSchema),
    async handler({ runtime, query }) {
      const after = readAfter(query.after, ["integer", "text", "text"]);
      if (!after.ok) return after;
      const rows = await listHostRows(runtime.db, query, after.value, query.limit + 1, runtime.now());
      return ok(pageOfRows(rows, query.limit, hostResource, (row) => [row.severity, row.name, row.id]));
    },
  }),
  route({
    method: "GET",
    path: "/api/hosts/:id",
    access: { action: "host.read" },
    summary: "One host with its repositories and schedules",
    response: hostDetailSchema,
    async handler({ runtime, params }) {
      const [host, about, repositories, schedules] = await Promise.all([
        loadHost(runtime.db, params.id, runtime.now()),
        loadHostAbout(runtime.db, params.id),
        listRepositoryRows(runtime.db, params.id),
        listSchedules(runtime.db, params.id, runtime.now()),
      ]);
      if (!host || !about) return noHost();
      return ok({
        ...host,
        ...about,
        repositories: repositories.map(repositoryResource),
        schedules,
      });
    },
  }),
  route({
    method: "GET",
    path: "/api/hosts/:id/days",
    access: { action: "host.read" },
    summary: "Outcome, duration and sizes of each UTC day on which something is known, oldest first",
    query: v.strictObject({ days: daysQuery }),
    response: pageOf(hostDaySchema),
    async handler({ runtime, params, query }) {
      const items = await listHostDays(runtime.db, params.id, query.days, runtime.now());
      return items ? ok({ items }) : noHost();
    },
  }),
  route({
    method: "PATCH",
    path: "/api/hosts/:id",
    access: { action: "host.edit" },
    summary: "Rename a host or replace its tags",
    body: patchHostBody,
    response: hostSchema,
    async handler({ runtime, peer, params, body }, principal) {
      const { db, random } = runtime;
      const before = await loadHost(db, params.id, runtime.now());
      if (!before) return noHost();
      const audit = {
        ...actorOf(principal, peer),
        action: "host.edit",
        targetKind: "host",
        targetId: params.id,
        targetName: body.name ?? before.name,
        detail: { before: { name: before.name, tags: before.tags }, after: body },
      };
      const changed = await recordHostEdited(db, params.id, body, audit, { nowMs: runtime.now(), random });
      const host = await loadHost(db, params.id, runtime.now());
      if (!host) return noHost();
      if (changed) await announce(runtime, [{ type: "hostChanged", host }]);
      return ok(host);
    },
  }),
  route({
    method: "POST",
    path: "/api/hosts/:id/clone-choice",
    access: { action: "host.choose_machine" },
    summary: "Pick the right one of the machines that claim to be this host; the others are refused",
    body: cloneChoiceBody,
    status: 204,
    async handler({ runtime, peer, params, body }, principal) {
      if (!(await hostExists(runtime.db, params.id))) return noHost();
      return runtime.relay(params.id).chooseClaimant(body.claimant, actorOf(principal, peer));
    },
  }),
  route({
    method: "DELETE",
    path: "/api/hosts/:id",
    access: { action: "host.delete" },
    summary: "Remove a host from the server; its repository is not touched",
    body: deleteHostBody,
    status: 204,
    async handler({ runtime, peer, params, body }, principal) {
      const { db, random } = runtime;
      const host = await loadHost(db, params.id, runtime.now());
      if (!host) return noHost();
      if (body.confirmName !== host.name) {
        return fail("request.invalid", "confirmName: type the host's name exactly as it is shown to remove it.");
      }
      const audit = {
        ...actorOf(principal, peer),
        action: "host.delete",
        targetKind: "host",
        targetId: host.id,
        targetName: host.name,
        detail: { hostname: host.hostname, snapshotCount: host.snapshotCount },
      };
      if (!(await recordHostDeleted(db, host.id, host.name, audit, { nowMs: runtime.now(), random }))) {
        return fail("request.conflict", "The host was renamed or removed meanwhile. Reload the page.");
      }
      try {
        await runtime.relay(host.id).remove();
      } catch (error) {
        // The bearer is gone with the row, so the agent cannot come back; only the relay's storage is left behind.
        runtime.log.error("relay.remove_failed", { hostId: host.id, error });
      }
      await announce(runtime, [{ type: "hostRemoved", hostId: host.id }]);
      return ok(null);
    },
  }),
];
