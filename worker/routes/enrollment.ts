import * as v from "valibot";
import { installCommand } from "../../core/enrollment/install-command.ts";
import { uuidv7 } from "../../core/ids.ts";
import { hashToken, makeToken } from "../../core/secrets/tokens.ts";
import {
  createdEnrollmentSchema,
  createEnrollmentBody,
  cursorQuery,
  enrollmentTokenSchema,
  limitQuery,
  pageOf,
} from "../../protocol/api.ts";
import { fail, ok, type Failure } from "../../protocol/failure.ts";
import { ENROLLMENT_TTL_MS } from "../../protocol/limits.ts";
import { actorOf } from "../access/actor.ts";
import { readHostOrder } from "../host-order.ts";
import { pageOfRows, readAfter } from "../page.ts";
import { sealSecret } from "../repository-secret.ts";
import { ownOrigin } from "../request-checks.ts";
import { route } from "../route.ts";
import {
  enrollmentPlace,
  enrollmentResource,
  listEnrollmentRows,
  loadEnrollment,
  recordEnrollmentCreated,
  recordEnrollmentRevoked,
} from "../store/enrollment.ts";

/** The answer for a token that there is none of. */
export function noToken(): { ok: false; failure: Failure } {
  return fail("request.not_found", "There is no such enrolment token.");
}

export const enrollmentRoutes = [
  route({
    method: "GET",
    path: "/api/enrollment-tokens",
    access: { action: "enrollment.read" },
    summary: "Enrolment tokens, newest first",
    query: v.strictObject({ limit: limitQuery, after: cursorQuery }),
    response: pageOf(enrollmentTokenSchema),
    async handler({ runtime, query }) {
      const after = readAfter(query.after, ["text"]);
      if (!after.ok) return after;
      const rows = await listEnrollmentRows(runtime.db, after.value?.[0] ?? null, query.limit + 1);
      const nowMs = runtime.now();
      return ok(
        pageOfRows(
          rows,
          query.limit,
          (row) => enrollmentResource(row, nowMs),
          (row) => [row.id],
        ),
      );
    },
  }),
  route({
    method: "GET",
    path: "/api/enrollment-tokens/:id",
    access: { action: "enrollment.read" },
    summary: "One enrolment token, without its secret",
    response: enrollmentTokenSchema,
    async handler({ runtime, params }) {
      const row = await loadEnrollment(runtime.db, params.id);
      return row ? ok(enrollmentResource(row, runtime.now())) : noToken();
    },
  }),
  route({
    method: "POST",
    path: "/api/enrollment-tokens",
    access: { action: "host.enroll" },
    summary: "Prepare a host: its name, repository and first paths; answers the line to run on it",
    body: createEnrollmentBody,
    response: createdEnrollmentSchema,
    status: 201,
    async handler({ runtime, peer, body }, principal) {
      const { db, random, settings } = runtime;
      const read = readHostOrder(body);
      if (!read.ok) return read;
      const { order, secret } = read.value;
      const nowMs = runtime.now();
      const id = uuidv7(nowMs, random);
      const token = makeToken("enrollment", random);
      const row = {
        id,
        secretHash: hashToken(token),
        ...order,
        sealed: sealSecret(runtime, enrollmentPlace(id), secret),
        createdBy: principal.name,
        createdAt: nowMs,
        expiresAt: nowMs + ENROLLMENT_TTL_MS,
        usedAt: null,
        revokedAt: null,
        hostId: null,
        maxUses: 1,
        uses: 0,
        schedule: null,
      };
      const audit = {
        ...actorOf(principal, peer),
        action: "enrollment.create",
        targetKind: "enrollment",
        targetId: id,
        targetName: body.hostName,
        detail: { address: order.address, paths: body.paths },
      };
      await recordEnrollmentCreated(db, row, audit, { nowMs, random });
      return ok({
        enrollment: enrollmentResource(row, nowMs),
        token,
        installCommand: installCommand({
          origin: ownOrigin(settings, peer),
          token,
          certSha256: settings.certSha256,
        }),
      });
    },
  }),
  route({
    method: "DELETE",
    path: "/api/enrollment-tokens/:id",
    access: { action: "host.enroll" },
    summary: "Revoke an enrolment token and erase the secret that waits in it",
    status: 204,
    async handler({ runtime, peer, params }, principal) {
      const { db, random } = runtime;
      const row = await loadEnrollment(db, params.id);
      if (!row) return noToken();
      const audit = {
        ...actorOf(principal, peer),
        action: "enrollment.revoke",
        targetKind: "enrollment",
        targetId: row.id,
        targetName: row.hostName,
      };
      const revoked = await recordEnrollmentRevoked(db, row.id, audit, { nowMs: runtime.now(), random });
      const after = revoked ? null : await loadEnrollment(db, row.id);
      if (after && after.usedAt !== null) {
        return fail("request.conflict", "A host has joined with this token. Remove the host instead.");
      }
      return ok(null);
    },
  }),
];
