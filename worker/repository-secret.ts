import * as v from "valibot";
import { openAtRest, sealAtRest, type Place } from "../core/secrets/at-rest.ts";
import { fail, ok, type Result } from "../protocol/failure.ts";
import { repositorySecretSchema, unknownEnvKeys, type Backend, type RepositorySecret } from "../protocol/repository.ts";
import type { Runtime } from "./bindings.ts";

/** Refuses environment keys that the backend has no use for: what is not needed is not kept. */
export function checkEnv(backend: Backend, env: Readonly<Record<string, string>>): Result<null> {
  const unknown = unknownEnvKeys(backend, env);
  if (unknown.length === 0) return ok(null);
  return fail("request.invalid", `env: a ${backend} repository has no use for ${unknown.join(", ")}.`);
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
