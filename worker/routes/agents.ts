import { uuidv7 } from "../../core/ids.ts";
import { verify } from "../../core/secrets/sign.ts";
import { isUsableSealKey } from "../../core/secrets/to-host.ts";
import { hashToken, makeToken } from "../../core/secrets/tokens.ts";
import { enrollBody, enrolledSchema, type Enrolled } from "../../protocol/api.ts";
import { fail, ok, type Failure } from "../../protocol/failure.ts";
import { enrollProof } from "../../protocol/wire.ts";
import { announce } from "../announce.ts";
import { openSecret, sealSecret } from "../repository-secret.ts";
import { route } from "../route.ts";
import { enrollmentPlace, findUsableEnrollment, isKnownSignKey, recordEnrolled } from "../store/enrollment.ts";
import { loadHost } from "../store/hosts.ts";
import { credentialPlace } from "../store/repositories.ts";

const FIRST_SCHEDULE_NAME = "First paths";

/** One answer for unknown, expired, used, revoked and raced tokens: who guesses learns nothing. */
function invalidToken(): { ok: false; failure: Failure } {
  return fail("enrollment.token_invalid", "This enrolment token is not valid. Make a new one in the console.");
}

export const agentRoutes = [
  route({
    method: "POST",
    path: "/api/agents/enroll",
    access: { anonymous: true, why: "An agent proves itself with a one-time enrolment token; it has no account yet." },
    summary: "Turn an enrolment token into a host",
    body: enrollBody,
    response: enrolledSchema,
    status: 201,
    async handler({ runtime, peer, body }) {
      const { db, random } = runtime;
      const nowMs = runtime.now();
      const token = await findUsableEnrollment(db, hashToken(body.token), nowMs);
      if (!token) return invalidToken();
      const proved = verify(body.signKey, enrollProof(body.token, body.signKey, body.sealKey), body.proof);
      if (!proved || !isUsableSealKey(body.sealKey)) {
        return fail("enrollment.proof_invalid", "The agent could not prove its keys. Start its enrolment again.");
      }
      if (await isKnownSignKey(db, body.signKey)) {
        return fail(
          "request.conflict",
          "A host with this agent's key has joined already. Remove the agent's configuration folder and enrol again.",
        );
      }
      const secret = openSecret(runtime, enrollmentPlace(token.id), token.sealed);
      if (!secret) {
        runtime.log.error("enrollment.secret_unreadable", { enrollmentId: token.id });
        return fail("repository.credentials_missing", "The server cannot read this token's secret. Make a new token.");
      }
      const hostId = uuidv7(nowMs, random);
      const repositoryId = uuidv7(nowMs, random);
      const bearer = makeToken("bearer", random);
      const audit = {
        actor: body.hostname,
        actorKind: "agent" as const,
        actorId: hostId,
        action: "host.enroll",
        targetKind: "host",
        targetId: hostId,
        targetName: token.hostName,
        address: peer.address,
        detail: { enrollmentId: token.id, preparedBy: token.createdBy },
      };
      const host = {
        hostId,
        repositoryId,
        scheduleId: uuidv7(nowMs, random),
        scheduleName: FIRST_SCHEDULE_NAME,
        bearerHash: hashToken(bearer),
        sealed: sealSecret(runtime, credentialPlace(repositoryId, "write", 1), secret),
        machine: body,
      };
      if (!(await recordEnrolled(db, token, host, audit, { nowMs, random }))) return invalidToken();
      const joined = await loadHost(db, hostId, nowMs);
      if (joined) {
        await announce(runtime, [
          { type: "hostChanged", host: joined },
          { type: "tokenUsed", tokenId: token.id, hostId },
        ]);
      }
      const answer: Enrolled = { hostId, name: token.hostName, bearer, serverTimeMs: nowMs };
      return ok(answer);
    },
  }),
];
