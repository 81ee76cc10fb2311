import { fingerprintMatches, groupFingerprint } from "../../core/enrollment/fingerprint.ts";
import { uuidv7 } from "../../core/ids.ts";
import { isUsableSignKey, verify } from "../../core/secrets/sign.ts";
import { isUsableSealKey } from "../../core/secrets/to-host.ts";
import { pageOf } from "../../protocol/api.ts";
import {
  acceptedPendingSchema,
  acceptPendingBody,
  announceBody,
  announcedSchema,
  announceProof,
  FINGERPRINT_MIN_BITS,
  MAX_PENDING_HOSTS,
  pendingHostSchema,
} from "../../protocol/announce.ts";
import { fail, ok, type Failure } from "../../protocol/failure.ts";
import { acceptPending } from "../accept-pending.ts";
import { actorOf } from "../access/actor.ts";
import { announce } from "../announce.ts";
import type { Runtime } from "../bindings.ts";
import { readHostOrder } from "../host-order.ts";
import { invalidField } from "../input.ts";
import { route } from "../route.ts";
import { loadHost } from "../store/hosts.ts";
import {
  listPendingHosts,
  loadPendingHost,
  recordAnnounced,
  recordPendingRejected,
  reserveAnnouncement,
  type PendingHostRow,
} from "../store/pending-hosts.ts";

const BITS_PER_DIGIT = 4;

function noPending(): { ok: false; failure: Failure } {
  return fail("request.not_found", "No such host waits. Its hour may be over: announce it again on the host.");
}

function decided(row: PendingHostRow): { ok: false; failure: Failure } {
  return row.state === "rejected"
    ? fail("request.conflict", "This host was rejected already. Announce it again on the host to have another choice.")
    : fail("request.conflict", "This host was accepted already. It is in the list of hosts.");
}

/** Has the host told at once. It hears it anyway when it connects again, so a relay that fails costs a log line. */
async function wake(runtime: Runtime, pendingId: string): Promise<void> {
  try {
    await runtime.pending(pendingId).decided();
  } catch (error) {
    runtime.log.warn("pending.wake_failed", { pendingId, error });
  }
}

export const pendingRoutes = [
  route({
    method: "POST",
    path: "/api/agents/announce",
    access: {
      anonymous: true,
      why: "A host without a token asks to be let in; an administrator compares its fingerprint before it is.",
    },
    summary: "Ask to be let in; the answer names the socket to wait on",
    body: announceBody,
    response: announcedSchema,
    status: 201,
    async handler({ runtime, peer, body }) {
      const { db, random } = runtime;
      const nowMs = runtime.now();
      const waitMs = await reserveAnnouncement(db, peer.address, nowMs);
      if (waitMs > 0) {
        return fail("announce.too_many", "Too many announcements from this address. Try again a little later.", {
          retry: true,
          retryAfterMs: waitMs,
        });
      }
      const { signKey, sealKey, hostname, proof } = body;
      const proved =
        isUsableSignKey(signKey) &&
        isUsableSealKey(sealKey) &&
        verify(signKey, announceProof(signKey, sealKey, hostname), proof);
      if (!proved) {
        return fail("enrollment.proof_invalid", "The agent could not prove its keys. Announce the host again.");
      }
      const pendingId = uuidv7(nowMs, random);
      const announced = await recordAnnounced(db, pendingId, body, peer.address, nowMs);
      if (announced.outcome === "known-key") {
        return fail(
          "request.conflict",
          "A host with this agent's key has joined already. Remove the agent's configuration and state folders and announce the host again.",
        );
      }
      if (announced.outcome === "full") {
        const message = `${MAX_PENDING_HOSTS} hosts wait already. Accept or reject some in the console, or use an enrolment token.`;
        return fail("announce.too_many", message, { retry: true });
      }
      const { row } = announced;
      if (row.id === pendingId) await announce(runtime, [{ type: "pendingChanged" }]);
      return ok({
        pendingId: row.id,
        fingerprint: groupFingerprint(row.fingerprint),
        expiresAtMs: row.expiresAt,
        serverTimeMs: nowMs,
      });
    },
  }),
  route({
    method: "GET",
    path: "/api/pending",
    access: { action: "pending.read" },
    summary:
      "Hosts that wait to be let in, in the order they came, each with the first ten hosts that have a like name",
    response: pageOf(pendingHostSchema),
    async handler({ runtime }) {
      return ok({ items: await listPendingHosts(runtime.db, runtime.now()) });
    },
  }),
  route({
    method: "POST",
    path: "/api/pending/:id/accept",
    access: { action: "pending.decide" },
    summary: "Let a host in whose fingerprint was compared with its terminal: its name, repository and first paths",
    body: acceptPendingBody,
    response: acceptedPendingSchema,
    status: 201,
    async handler({ runtime, peer, params, body }, principal) {
      const row = await loadPendingHost(runtime.db, params.id, runtime.now());
      if (!row) return noPending();
      if (row.state !== "waiting") return decided(row);
      if (!fingerprintMatches(body.fingerprint, row.fingerprint)) {
        const digits = FINGERPRINT_MIN_BITS / BITS_PER_DIGIT;
        return invalidField(
          "fingerprint",
          `is not this host's. Type at least ${digits} digits in a row as its terminal shows them; if they differ, reject it.`,
        );
      }
      const read = readHostOrder(body);
      if (!read.ok) return read;
      const hostId = await acceptPending(runtime, row, read.value, actorOf(principal, peer));
      if (hostId === null) {
        const now = await loadPendingHost(runtime.db, params.id, runtime.now());
        if (now && now.state !== "waiting") return decided(now);
        return now
          ? fail("request.conflict", "A host with this key has joined already. Reject this one.")
          : noPending();
      }
      await wake(runtime, row.id);
      const host = await loadHost(runtime.db, hostId, runtime.now());
      await announce(runtime, [...(host ? [{ type: "hostChanged" as const, host }] : []), { type: "pendingChanged" }]);
      return ok({ hostId, name: body.hostName });
    },
  }),
  route({
    method: "POST",
    path: "/api/pending/:id/reject",
    access: { action: "pending.decide" },
    summary: "Turn away a host that waits",
    status: 204,
    async handler({ runtime, peer, params }, principal) {
      const { db, random } = runtime;
      const nowMs = runtime.now();
      const row = await loadPendingHost(db, params.id, nowMs);
      if (!row) return noPending();
      const audit = {
        ...actorOf(principal, peer),
        action: "host.reject",
        targetKind: "pending",
        targetId: row.id,
        targetName: row.hostname,
        detail: { fingerprint: row.fingerprint, announcedFrom: row.address },
      };
      if (!(await recordPendingRejected(db, row.id, audit, { nowMs, random }))) {
        const now = await loadPendingHost(db, row.id, nowMs);
        return now?.state === "accepted" ? decided(now) : ok(null);
      }
      await wake(runtime, row.id);
      await announce(runtime, [{ type: "pendingChanged" }]);
      return ok(null);
    },
  }),
];
