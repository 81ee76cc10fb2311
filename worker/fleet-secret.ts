import * as v from "valibot";
import { openAtRest, sealAtRest } from "../core/secrets/at-rest.ts";
import { repositoryEnv } from "../protocol/repository.ts";
import type { Runtime } from "./bindings.ts";
import { enrollmentPlace } from "./store/enrollment.ts";

/**
 * What waits in a fleet token: the storage keys that all its hosts share, and the recovery key that each one's password
 * is made from as it joins (core/enrollment/minted-password.ts).
 */
const fleetSecretSchema = v.strictObject({ env: repositoryEnv, recoveryKey: v.string() });
type FleetSecret = v.InferOutput<typeof fleetSecretSchema>;

/** The text to store in the token's row, under the server's present key. */
export function sealFleetSecret(
  runtime: Pick<Runtime, "secretKeys" | "random">,
  tokenId: string,
  secret: FleetSecret,
): string {
  return sealAtRest(runtime.secretKeys[0], enrollmentPlace(tokenId), JSON.stringify(secret), runtime.random);
}

/** The secret of a token's row; null when none of the server's keys opens it there. */
export function openFleetSecret(
  runtime: Pick<Runtime, "secretKeys">,
  tokenId: string,
  sealed: string,
): FleetSecret | null {
  const plaintext = openAtRest(runtime.secretKeys, enrollmentPlace(tokenId), sealed);
  return plaintext === null ? null : v.parse(fleetSecretSchema, JSON.parse(plaintext));
}
