import type { AgentGrant, BrowserGrant, FleetGrant, PendingGrant } from "../core/access/socket-grants.ts";
import { mayDo } from "../core/access/actions.ts";
import { hashToken, readGrant, TOKEN_PREFIXES } from "../core/secrets/tokens.ts";
import { fail, ok, type Failure, type Result } from "../protocol/failure.ts";
import { AGENT_SUBPROTOCOL, BROWSER_SUBPROTOCOL, GRANT_SUBPROTOCOL_PREFIX } from "../protocol/limits.ts";
import { findPrincipal } from "./access/principal.ts";
import type { Peer, Runtime } from "./bindings.ts";
import { checkHost, ownOrigin } from "./request-checks.ts";
import { findHostByBearer } from "./store/hosts.ts";
import { findJobHost } from "./store/jobs.ts";
import { loadPendingHost } from "./store/pending-hosts.ts";
import { SESSION_TTL_MS } from "./store/sessions.ts";

/** A socket that may be opened: who it is, and the subprotocol to answer with. */
export type Upgrade = { subprotocol: string } & (
  | { kind: "agent"; hostId: string; grant: AgentGrant }
  | { kind: "pending"; grant: PendingGrant }
  | { kind: "job"; hostId: string; grant: BrowserGrant }
  | { kind: "fleet"; grant: FleetGrant }
);

/** A fleet up to this size is swept for half-open sockets every 90 s; a larger one less often, as each costs a row. */
const SMALL_FLEET = 1000;
const SWEEP_MS = 90_000;
const LARGE_FLEET_SWEEP_MS = 15 * 60_000;

/**
 * Decides about a WebSocket upgrade before any relay hears of it; both runtimes ask here. `headers` are those of the
 * upgrade request; that it is one (426 otherwise) is the runtime's to see.
 */
export async function authorizeUpgrade(
  runtime: Runtime,
  peer: Peer,
  request: { path: string; query: URLSearchParams; headers: Headers },
): Promise<Result<Upgrade>> {
  const host = checkHost(runtime.settings, peer);
  if (!host.ok) return host;
  const { path, query, headers } = request;
  if (path === "/ws/agent") return authorizeAgent(runtime, peer, headers);
  if (path === "/ws/agent/pending") return authorizePending(runtime, headers, query);
  if (path === "/ws/fleet") return authorizeFleet(runtime, peer, headers);
  const jobId = /^\/ws\/jobs\/([^/]{1,64})$/.exec(path)?.[1];
  if (jobId !== undefined) return authorizeJob(runtime, peer, headers, jobId, query);
  return fail("request.not_found", "There is nothing at this address.");
}

/** Only an agent connects with this. Browsers send Origin and Cookie: no page may speak as an agent with what they hold. */
function checkAgent(headers: Headers): Result<null> {
  if (headers.has("origin") || headers.has("cookie")) {
    return fail("protocol.unsupported", "Only an agent connects here, and it sends neither Origin nor Cookie.");
  }
  if (!offered(headers).includes(AGENT_SUBPROTOCOL)) {
    return fail("protocol.unsupported", `Offer the subprotocol ${AGENT_SUBPROTOCOL}.`);
  }
  return ok(null);
}

async function authorizeAgent(runtime: Runtime, peer: Peer, headers: Headers): Promise<Result<Upgrade>> {
  const checked = checkAgent(headers);
  if (!checked.ok) return checked;
  const bearer = /^Bearer (\S{1,128})$/i.exec(headers.get("authorization") ?? "")?.[1];
  const host = bearer?.startsWith(TOKEN_PREFIXES.bearer) ? await findHostByBearer(runtime.db, hashToken(bearer)) : null;
  if (!host) return fail("auth.required", "This agent is not known here. Enrol the host again.");
  const { hostId, signKey, configVersion, scheduleVersion, fleetSize } = host;
  const sweepMs = fleetSize <= SMALL_FLEET ? SWEEP_MS : LARGE_FLEET_SWEEP_MS;
  const grant: AgentGrant = { hostId, signKey, address: peer.address, configVersion, scheduleVersion, sweepMs };
  return ok({ kind: "agent", hostId, grant, subprotocol: AGENT_SUBPROTOCOL });
}

/** Anyone who names an announcement that there is: what it hears beyond a nonce, it has to prove the key for. */
async function authorizePending(runtime: Runtime, headers: Headers, query: URLSearchParams): Promise<Result<Upgrade>> {
  const checked = checkAgent(headers);
  if (!checked.ok) return checked;
  const pendingId = query.get("id") ?? "";
  const row = await loadPendingHost(runtime.db, pendingId, runtime.now());
  if (!row) return fail("request.not_found", "There is no such announcement. Its hour may be over: announce it again.");
  const grant: PendingGrant = { pendingId, signKey: row.signKey, expiresAtMs: row.expiresAt };
  return ok({ kind: "pending", grant, subprotocol: AGENT_SUBPROTOCOL });
}

async function authorizeFleet(runtime: Runtime, peer: Peer, headers: Headers): Promise<Result<Upgrade>> {
  const browser = await authorizeBrowser(runtime, peer, headers);
  if (!browser.ok) return browser;
  return ok({ kind: "fleet", grant: browser.value, subprotocol: BROWSER_SUBPROTOCOL });
}

async function authorizeJob(
  runtime: Runtime,
  peer: Peer,
  headers: Headers,
  jobId: string,
  query: URLSearchParams,
): Promise<Result<Upgrade>> {
  const browser = await authorizeBrowser(runtime, peer, headers);
  if (!browser.ok) return browser;
  const after = query.get("after") ?? "0";
  if (!/^\d{1,15}$/.test(after)) return fail("request.invalid", "after: use the seq of the last record seen.");
  const hostId = await findJobHost(runtime.db, jobId);
  if (hostId === null) return fail("job.not_found", "There is no such job.");
  // The page renews its grant on the socket itself, so the note lasts as long as any session can.
  await runtime.fleet.noteJobSocket(browser.value.sessionHash, hostId, runtime.now() + SESSION_TTL_MS);
  const grant: BrowserGrant = { ...browser.value, jobId, afterSeq: Number(after) };
  return ok({ kind: "job", hostId, grant, subprotocol: BROWSER_SUBPROTOCOL });
}

/** The console's own page, with a living session and a grant made for that same session. */
async function authorizeBrowser(runtime: Runtime, peer: Peer, headers: Headers): Promise<Result<FleetGrant>> {
  if (headers.get("origin") !== ownOrigin(runtime.settings, peer)) return foreign();
  const protocols = offered(headers);
  if (!protocols.includes(BROWSER_SUBPROTOCOL)) {
    return fail("protocol.unsupported", `Offer the subprotocol ${BROWSER_SUBPROTOCOL}.`);
  }
  const principal = await findPrincipal(runtime, peer, headers);
  if (principal === null || principal.sessionHash === null) return fail("auth.required", "Sign in first.");
  if (!mayDo(principal.role, "stream.open")) return fail("auth.forbidden", "Your role may not open live streams.");
  const text = protocols.find((name) => name.startsWith(GRANT_SUBPROTOCOL_PREFIX));
  const grant =
    text === undefined ? null : readGrant(runtime.grantKey, text.slice(GRANT_SUBPROTOCOL_PREFIX.length), runtime.now());
  if (grant?.sessionHash !== principal.sessionHash) return fail("auth.required", "Ask for a new grant first.");
  return ok({ userId: grant.userId, sessionHash: grant.sessionHash, grantUntilMs: grant.expiresAtMs });
}

function foreign(): { ok: false; failure: Failure } {
  return fail("request.cross_origin", "This connection came from another site. Open the console at its own address.");
}

/** The subprotocols a client offers, in its order (RFC 6455 section 4.1). */
function offered(headers: Headers): string[] {
  return (headers.get("sec-websocket-protocol") ?? "").split(",").map((name) => name.trim());
}
