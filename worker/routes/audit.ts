import * as v from "valibot";
import { auditSchema, cursorQuery, limitQuery, pageOf } from "../../protocol/api.ts";
import { ok } from "../../protocol/failure.ts";
import { uuid } from "../../protocol/scalars.ts";
import { route } from "../route.ts";
import { listAudit } from "../store/audit.ts";

const filter = v.optional(v.pipe(v.string(), v.minLength(1, "must not be empty"), v.maxLength(256)));

export const auditRoutes = [
  route({
    method: "GET",
    path: "/api/audit",
    access: { action: "audit.read" },
    summary: "Who did what to what, newest first",
    query: v.strictObject({
      limit: limitQuery,
      after: v.optional(v.pipe(cursorQuery.wrapped, uuid)),
      actor: filter,
      action: filter,
      /** Id or name of what was acted on. */
      target: filter,
    }),
    response: pageOf(auditSchema),
    async handler({ runtime, query }) {
      return ok(await listAudit(runtime.db, query));
    },
  }),
];
