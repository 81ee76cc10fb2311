import { verify } from "../../core/secrets/sign.ts";
import { isUsableSealKey } from "../../core/secrets/to-host.ts";
import { hashToken } from "../../core/secrets/tokens.ts";
import { enrollBody, enrolledSchema } from "../../protocol/api.ts";
import { fail, type Failure } from "../../protocol/failure.ts";
import { enrollProof } from "../../protocol/wire.ts";
import { announce } from "../announce.ts";
import { joinFleet } from "../join-fleet.ts";
import { joinPrepared } from "../join-prepared.ts";
import { route } from "../route.ts";
import { findUsableEnrollment, isKnownSignKey } from "../store/enrollment.ts";
import { loadHost } from "../store/hosts.ts";

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
      const { db } = runtime;
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
      const enrolled =
        token.maxUses > 1
          ? await joinFleet(runtime, token, body, peer)
          : await joinPrepared(runtime, token, body, peer);
      if (enrolled === null) return invalidToken();
      if (!enrolled.ok) return enrolled;
      const { hostId } = enrolled.value;
      const joined = await loadHost(db, hostId, nowMs);
      if (joined) {
        await announce(runtime, [
          { type: "hostChanged", host: joined },
          { type: "tokenUsed", tokenId: token.id, hostId },
        ]);
      }
      return enrolled;
    },
  }),
];
