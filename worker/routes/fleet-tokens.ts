import { fleetTokenInput } from "../../core/enrollment/fleet-token-input.ts";
import { parseTemplate } from "../../core/enrollment/address-template.ts";
import { installCommand } from "../../core/enrollment/install-command.ts";
import { uuidv7 } from "../../core/ids.ts";
import { hashToken, makeToken } from "../../core/secrets/tokens.ts";
import { pageOf } from "../../protocol/api.ts";
import { ok } from "../../protocol/failure.ts";
import { createdFleetTokenSchema, enrollmentJoinSchema } from "../../protocol/fleet-token.ts";
import { actorOf } from "../access/actor.ts";
import { sealFleetSecret } from "../fleet-secret.ts";
import { checkEnv } from "../repository-secret.ts";
import { ownOrigin } from "../request-checks.ts";
import { route } from "../route.ts";
import { enrollmentResource, loadEnrollment, recordEnrollmentCreated } from "../store/enrollment.ts";
import { listJoins } from "../store/fleet-tokens.ts";
import { noToken } from "./enrollment.ts";

const HOUR_MS = 3600_000;

export const fleetTokenRoutes = [
  route({
    method: "POST",
    path: "/api/fleet-tokens",
    access: { action: "host.enroll" },
    summary:
      "Make an enrolment token for many hosts; answers the one line to run on each of them, and the recovery key of their passwords, both shown this once",
    body: fleetTokenInput,
    response: createdFleetTokenSchema,
    status: 201,
    async handler({ runtime, peer, body }, principal) {
      const { db, random, settings } = runtime;
      const parsed = parseTemplate(body.repository.address);
      if (!parsed.ok) return parsed;
      const { template, backend } = parsed.value;
      const { env, createRepository } = body.repository;
      const checked = checkEnv(backend, env);
      if (!checked.ok) return checked;
      const nowMs = runtime.now();
      const id = uuidv7(nowMs, random);
      const token = makeToken("enrollment", random);
      const recoveryKey = makeToken("recovery", random);
      const row = {
        id,
        secretHash: hashToken(token),
        hostName: body.name,
        tags: JSON.stringify(body.tags),
        address: template,
        createRepository: createRepository ? 1 : 0,
        sealed: sealFleetSecret(runtime, id, { env, recoveryKey }),
        envKeys: JSON.stringify(Object.keys(env)),
        paths: JSON.stringify(body.schedule.paths),
        excludes: JSON.stringify(body.schedule.excludes),
        createdBy: principal.name,
        createdAt: nowMs,
        expiresAt: nowMs + body.lifetimeHours * HOUR_MS,
        usedAt: null,
        revokedAt: null,
        hostId: null,
        maxUses: body.maxUses,
        uses: 0,
        schedule: JSON.stringify(body.schedule),
      };
      const audit = {
        ...actorOf(principal, peer),
        action: "enrollment.create",
        targetKind: "enrollment",
        targetId: id,
        targetName: body.name,
        detail: {
          address: template,
          maxUses: body.maxUses,
          lifetimeHours: body.lifetimeHours,
          schedule: body.schedule,
        },
      };
      await recordEnrollmentCreated(db, row, audit, { nowMs, random });
      return ok({
        enrollment: enrollmentResource(row, nowMs),
        token,
        recoveryKey,
        installCommand: installCommand({ origin: ownOrigin(settings, peer), token, certSha256: settings.certSha256 }),
      });
    },
  }),
  route({
    method: "GET",
    path: "/api/enrollment-tokens/:id/joins",
    access: { action: "enrollment.read" },
    summary: "The hosts that joined with a fleet token, in the order they came",
    response: pageOf(enrollmentJoinSchema),
    async handler({ runtime, params }) {
      if (!(await loadEnrollment(runtime.db, params.id))) return noToken();
      return ok({ items: await listJoins(runtime.db, params.id) });
    },
  }),
];
