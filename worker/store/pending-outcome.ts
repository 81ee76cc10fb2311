import type { RandomBytes } from "../../core/ids.ts";
import { hashToken, makeToken } from "../../core/secrets/tokens.ts";
import type { PendingServerMessage } from "../../protocol/announce.ts";
import type { Database } from "../bindings.ts";
import { loadNamedHost } from "./hosts.ts";
import { loadPendingHost, recordBearerHandedOver } from "./pending-hosts.ts";

export type PendingOutcome = Exclude<PendingServerMessage, { type: "challenge" }>;

/**
 * What there is to say to an agent that has just proved the key of this announcement. For an accepted one that makes the
 * bearer, in place of the one before: whoever asks must deliver the answer or ask again. A host that has connected
 * already has its bearer, and its announcement is over; one that was removed since is as good as rejected.
 */
export async function pendingOutcome(
  db: Database,
  pendingId: string,
  at: { nowMs: number; random: RandomBytes },
): Promise<PendingOutcome> {
  const { nowMs, random } = at;
  const row = await loadPendingHost(db, pendingId, nowMs);
  if (!row) return { type: "expired" };
  if (row.state === "waiting") return { type: "waiting", expiresAtMs: row.expiresAt };
  const host = row.hostId === null ? null : await loadNamedHost(db, row.hostId);
  if (row.state === "rejected" || !host) return { type: "rejected" };
  const bearer = makeToken("bearer", random);
  const given = await recordBearerHandedOver(db, pendingId, hashToken(bearer), nowMs);
  return given
    ? { type: "accepted", hostId: host.id, name: host.name, bearer, serverTimeMs: nowMs }
    : { type: "expired" };
}
