import type { Peer } from "../bindings.ts";
import type { Principal } from "../route.ts";
import type { AuditEntry } from "../store/audit.ts";

/** The who and the from-where of an audit row. */
export function actorOf(
  principal: Principal,
  peer: Peer,
): Pick<AuditEntry, "actor" | "actorId" | "address"> & { actorKind: Principal["kind"] } {
  return { actor: principal.name, actorKind: principal.kind, actorId: principal.actorId, address: peer.address };
}
