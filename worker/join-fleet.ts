import { mintedPassword } from "../core/enrollment/minted-password.ts";
import { uuidv7 } from "../core/ids.ts";
import { hashToken, makeToken } from "../core/secrets/tokens.ts";
import type { EnrollBody, Enrolled } from "../protocol/api.ts";
import { fail, ok, type Result } from "../protocol/failure.ts";
import type { Peer, Runtime } from "./bindings.ts";
import { openFleetSecret } from "./fleet-secret.ts";
import { sealSecret } from "./repository-secret.ts";
import { findUsableEnrollment, type UsableEnrollment } from "./store/enrollment.ts";
import { findFleetPlaces, recordFleetJoined } from "./store/fleet-tokens.ts";
import { credentialPlace } from "./store/repositories.ts";

/** Hosts of one name that join at once take each other's place; more than so many in a row are told to come again. */
const MAX_ATTEMPTS = 10;

/**
 * Makes the host that joins with a fleet token, under a name and with a repository and password of its own. Null when
 * the token may no longer be used. The agent has proved its keys.
 */
export async function joinFleet(
  runtime: Runtime,
  first: UsableEnrollment,
  body: EnrollBody,
  peer: Peer,
): Promise<Result<Enrolled> | null> {
  const { db, random } = runtime;
  let token: UsableEnrollment | null = first;
  for (let attempt = 0; attempt < MAX_ATTEMPTS && token !== null; attempt++) {
    const secret = openFleetSecret(runtime, token.id, token.sealed);
    if (!secret) {
      runtime.log.error("enrollment.secret_unreadable", { enrollmentId: token.id });
      return fail("repository.credentials_missing", "The server cannot read this token's secret. Make a new token.");
    }
    const places = await findFleetPlaces(db, token, body.hostname);
    // The first is the best name; who has lost it to another host looks elsewhere than the next that lost.
    const place = places[attempt === 0 ? 0 : random(1)[0]! % Math.max(1, places.length)];
    if (!place) break;
    const nowMs = runtime.now();
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
      targetName: place.name,
      address: peer.address,
      detail: { enrollmentId: token.id, preparedBy: token.createdBy, repositoryAddress: place.address },
    };
    const host = {
      hostId,
      repositoryId,
      scheduleId: uuidv7(nowMs, random),
      scheduleName: token.hostName,
      bearerHash: hashToken(bearer),
      sealed: sealSecret(runtime, credentialPlace(repositoryId, "write", 1), {
        password: mintedPassword(secret.recoveryKey, place.address),
        env: secret.env,
      }),
      machine: body,
    };
    if (await recordFleetJoined(db, token, place, host, audit, { nowMs, random }))
      return ok({ hostId, name: place.name, bearer, serverTimeMs: nowMs });
    token = await findUsableEnrollment(db, token.secretHash, runtime.now());
  }
  if (token === null) return null;
  return fail("request.conflict", "Many hosts of this name join at once. Run the line again.");
}
