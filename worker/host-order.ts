import type * as v from "valibot";
import type { createEnrollmentBody } from "../protocol/api.ts";
import { fail, ok, type Result } from "../protocol/failure.ts";
import { MAX_SCHEDULE_BYTES } from "../protocol/limits.ts";
import { parseAddress, type RepositorySecret } from "../protocol/repository.ts";
import { utf8Length } from "../protocol/wire.ts";
import { checkEnv } from "./repository-secret.ts";
import type { HostOrder } from "./store/new-host.ts";

/** What a job's spec holds beside paths and excludes. */
const SPEC_ROOM_BYTES = 4 * 1024;

/** What somebody decided about a host that is to join, checked; `secret` is still to be sealed. */
export function readHostOrder(
  body: v.InferOutput<typeof createEnrollmentBody>,
): Result<{ order: HostOrder; secret: RepositorySecret }> {
  const specBytes = utf8Length(JSON.stringify([body.paths, body.excludes]));
  if (specBytes > MAX_SCHEDULE_BYTES - SPEC_ROOM_BYTES) {
    return fail("request.invalid", "paths, excludes: together they are over 60 KiB. Name the folders above them.");
  }
  const parsed = parseAddress(body.repository.address);
  if (!parsed.ok) return parsed;
  const { address, backend } = parsed.value;
  const { password, env, createRepository } = body.repository;
  const checked = checkEnv(backend, env);
  if (!checked.ok) return checked;
  return ok({
    order: {
      hostName: body.hostName,
      tags: JSON.stringify(body.tags),
      address,
      createRepository: createRepository ? 1 : 0,
      envKeys: JSON.stringify(Object.keys(env)),
      paths: JSON.stringify(body.paths),
      excludes: JSON.stringify(body.excludes),
    },
    secret: { password, env },
  });
}
