import { uuidv7 } from "../core/ids.ts";
import { hashToken, makeToken } from "../core/secrets/tokens.ts";
import type { EnrollBody, Enrolled } from "../protocol/api.ts";
import { fail, ok, type Result } from "../protocol/failure.ts";
import type { Peer, Runtime } from "./bindings.ts";
import { openSecret, sealSecret } from "./repository-secret.ts";
import { enrollmentPlace, recordEnrolled, type UsableEnrollment } from "./store/enrollment.ts";
import { credentialPlace } from "./store/repositories.ts";

/** Of the schedule that a host starts with when nobody gave it one. */
export const FIRST_SCHEDULE_NAME = "First paths";

/**
 * Makes the host that was prepared with a token for one. Null when the token may no longer be used. The agent has
 * proved its keys.
 */
export async function joinPrepared(
  runtime: Runtime,
  token: UsableEnrollment,
  body: EnrollBody,
  peer: Peer,
): Promise<Result<Enrolled> | null> {
  const { db, random } = runtime;
  const nowMs = runtime.now();
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
  if (!(await recordEnrolled(db, token, host, audit, { nowMs, random }))) return null;
  return ok({ hostId, name: token.hostName, bearer, serverTimeMs: nowMs });
}
