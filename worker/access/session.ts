import { hashToken, makeToken } from "../../core/secrets/tokens.ts";
import { actionsOf } from "../../core/access/actions.ts";
import type { MeResource, UserResource } from "../../protocol/api.ts";
import { fail, type Result } from "../../protocol/failure.ts";
import type { Peer, Runtime } from "../bindings.ts";
import { Reply } from "../route.ts";
import { SESSION_TTL_MS } from "../store/sessions.ts";
import { mayCarrySession, sessionCookie } from "./cookie.ts";

/** The signed-in user and what their role may do, so that the console shows no button that would be refused. */
export function meResource(user: UserResource): MeResource {
  const { id, username, role } = user;
  return { user: { id, username, role }, actions: actionsOf(role) };
}

/** Why no session may start on this connection; null when one may. */
export function refuseInsecure(runtime: Runtime, peer: Peer): Extract<Result<never>, { ok: false }> | null {
  if (mayCarrySession(runtime.settings, peer)) return null;
  return fail(
    "auth.insecure_transport",
    "Signing in over plain HTTP would show your password to the network. Put TLS in front of the server and open it with https://.",
  );
}

/** A new session's secret, which only the cookie carries, and the hash that is stored. */
export function makeSession(runtime: Runtime): { secret: string; idHash: string } {
  const secret = makeToken("session", runtime.random);
  return { secret, idHash: hashToken(secret) };
}

/** The answer that signs a browser in. */
export function signedIn(peer: Peer, user: UserResource, secret: string): Reply {
  return new Reply({ body: meResource(user), headers: { "set-cookie": sessionCookie(peer, secret, SESSION_TTL_MS) } });
}
