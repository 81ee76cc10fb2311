import { uuidv7 } from "../core/ids.ts";
import { toBase64url } from "../core/bytes.ts";
import { hashToken } from "../core/secrets/tokens.ts";
import type { RepositorySecret } from "../protocol/repository.ts";
import type { Runtime } from "./bindings.ts";
import { FIRST_SCHEDULE_NAME } from "./join-prepared.ts";
import { sealSecret } from "./repository-secret.ts";
import type { AuditEntry } from "./store/audit.ts";
import type { HostOrder } from "./store/new-host.ts";
import { machineOf, recordPendingAccepted, type PendingHostRow } from "./store/pending-hosts.ts";
import { credentialPlace } from "./store/repositories.ts";

/**
 * Makes a host of one that waits. Answers its id; null when it waits no more or its key has joined. Nobody holds its
 * bearer yet: the pending socket makes one for whoever proves the key (docs/decisions/0016).
 */
export async function acceptPending(
  runtime: Runtime,
  row: PendingHostRow,
  decided: { order: HostOrder; secret: RepositorySecret },
  actor: Pick<AuditEntry, "actor" | "actorKind" | "actorId" | "address">,
): Promise<string | null> {
  const { db, random } = runtime;
  const { order, secret } = decided;
  const nowMs = runtime.now();
  const hostId = uuidv7(nowMs, random);
  const repositoryId = uuidv7(nowMs, random);
  const host = {
    hostId,
    repositoryId,
    scheduleId: uuidv7(nowMs, random),
    scheduleName: FIRST_SCHEDULE_NAME,
    bearerHash: hashToken(toBase64url(random(32))),
    sealed: sealSecret(runtime, credentialPlace(repositoryId, "write", 1), secret),
    machine: machineOf(row),
  };
  const audit = {
    ...actor,
    action: "host.accept",
    targetKind: "host",
    targetId: hostId,
    targetName: order.hostName,
    detail: {
      pendingId: row.id,
      hostname: row.hostname,
      fingerprint: row.fingerprint,
      announcedFrom: row.address,
      address: order.address,
      paths: JSON.parse(order.paths) as string[],
    },
  };
  return (await recordPendingAccepted(db, row.id, host, order, audit, { nowMs, random })) ? hostId : null;
}
