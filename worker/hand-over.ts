import { openAtRest } from "../core/secrets/at-rest.ts";
import { sealToHost } from "../core/secrets/to-host.ts";
import { fail, ok, type Result } from "../protocol/failure.ts";
import { lentContext, type WireRepository } from "../protocol/wire.ts";
import type { QueuedJob, Runtime } from "./bindings.ts";
import { credentialPlace, loadAdminCredential } from "./store/repositories.ts";

/** How long after its start a lent credential may be used: a prune can wait behind a long backup and then run for hours. */
const LENT_FOR_MS = 24 * 3600_000;

type Written = Omit<QueuedJob, "lent">;

/**
 * Offers a job that is written down to its host's relay, with the credential it is lent. The one way to do so: for the
 * routes, the fleet clock and its sweeper. Fails as `HostRelayPort.enqueue` does, and when the credential to lend
 * cannot be opened; throws when the relay cannot be reached.
 */
export async function handOver(runtime: Runtime, hostId: string, job: Written): Promise<Result<null>> {
  const lent = await lentTo(runtime, hostId, job);
  if (!lent.ok) return lent;
  return runtime.relay(hostId).enqueue(lent.value === null ? job : { ...job, lent: lent.value });
}

/** Forget and prune get the repository's second credential when there is one, sealed to the host for this job alone. */
async function lentTo(runtime: Runtime, hostId: string, job: Written): Promise<Result<WireRepository | null>> {
  const { jobId, spec } = job;
  if (spec.kind !== "forget" && spec.kind !== "prune") return ok(null);
  const { repositoryId } = spec;
  const stored = await loadAdminCredential(runtime.db, hostId, repositoryId);
  if (!stored) return ok(null);
  const { address, version } = stored;
  const secret = openAtRest(runtime.secretKeys, credentialPlace(repositoryId, "admin", version), stored.sealed);
  if (secret === null) {
    return fail(
      "repository.credentials_missing",
      "The server cannot read this repository's second credential with its present key. Enter it again on the repository's page.",
    );
  }
  const context = lentContext(hostId, repositoryId, version, jobId);
  return ok({
    repositoryId,
    address,
    purpose: "admin",
    sealed: sealToHost(stored.sealKey, context, secret, runtime.random),
    version,
    jobId,
    notAfterMs: job.notAfterMs + LENT_FOR_MS,
  });
}
