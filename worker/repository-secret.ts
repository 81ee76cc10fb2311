import * as v from "valibot";
import { openAtRest, sealAtRest, type Place } from "../core/secrets/at-rest.ts";
import { fail, ok, type Result } from "../protocol/failure.ts";
import { parseAddress, repositorySecretSchema, unknownEnvKeys, type RepositorySecret } from "../protocol/repository.ts";
import type { Runtime } from "./bindings.ts";

/** `address` as it is kept, when restic can use it and its backend knows every key of `env`. */
export function checkRepository(address: string, env: Readonly<Record<string, string>>): Result<string> {
  const parsed = parseAddress(address);
  if (!parsed.ok) return parsed;
  const unknown = unknownEnvKeys(parsed.value.backend, env);
  if (unknown.length > 0) {
    return fail("request.invalid", `env: a ${parsed.value.backend} repository has no use for ${unknown.join(", ")}.`);
  }
  return ok(parsed.value.address);
}

/** The text to store at `place`, under the server's present key. */
export function sealSecret(
  runtime: Pick<Runtime, "secretKeys" | "random">,
  place: Place,
  secret: RepositorySecret,
): string {
  return sealAtRest(runtime.secretKeys[0], place, JSON.stringify(secret), runtime.random);
}

/** The secret stored at `place`; null when none of the server's keys opens it there. */
export function openSecret(
  runtime: Pick<Runtime, "secretKeys">,
  place: Place,
  sealed: string,
): RepositorySecret | null {
  const plaintext = openAtRest(runtime.secretKeys, place, sealed);
  return plaintext === null ? null : v.parse(repositorySecretSchema, JSON.parse(plaintext));
}
