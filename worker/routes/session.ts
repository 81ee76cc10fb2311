import { loginBody, meSchema } from "../../protocol/api.ts";
import { fail, ok } from "../../protocol/failure.ts";
import { clearedCookie } from "../access/cookie.ts";
import { makeSession, refuseInsecure, signedIn } from "../access/session.ts";
import { Reply, route } from "../route.ts";
import { delayKeys, releaseAttempt, reserveAttempt } from "../store/delays.ts";
import { recordSessionEnded, recordSignedIn } from "../store/sessions.ts";
import { findUserByName } from "../store/users.ts";

const wrong = () => fail("auth.invalid_credentials", "The user name or the password is wrong.");

export const sessionRoutes = [
  route({
    method: "POST",
    path: "/api/login",
    access: { anonymous: true, why: "Nobody is known before signing in. Failures slow down the next attempt." },
    summary: "Sign in with a password; the answer sets the session cookie",
    body: loginBody,
    response: meSchema,
    async handler({ runtime, peer, body }) {
      const insecure = refuseInsecure(runtime, peer);
      if (insecure) return insecure;
      const username = body.username.trim().toLowerCase();
      const keys = delayKeys(username, peer.address);
      const waitMs = await reserveAttempt(runtime.db, keys, runtime.now());
      if (waitMs > 0) {
        const message = "Too many wrong passwords. Wait a moment, then try again.";
        return fail("auth.slow_down", message, { retry: true, retryAfterMs: waitMs });
      }
      const user = await findUserByName(runtime.db, username);
      const phc = user !== null && user.disabledAt === null ? user.password : null;
      const verified = await runtime.passwords.verify(body.password, phc);
      if (!verified.ok) {
        await releaseAttempt(runtime.db, keys, runtime.now());
        return verified;
      }
      if (!verified.value || !user) {
        runtime.log.warn("login.refused", { address: peer.address });
        return wrong();
      }
      const session = makeSession(runtime);
      const started = await recordSignedIn(
        runtime.db,
        { idHash: session.idHash, userId: user.id, username, address: peer.address },
        keys,
        { nowMs: runtime.now(), random: runtime.random },
      );
      return started ? ok(signedIn(peer, user, session.secret)) : wrong();
    },
  }),
  route({
    method: "POST",
    path: "/api/logout",
    access: { action: "session.end" },
    summary: "End this session and close its sockets",
    status: 204,
    async handler({ runtime, peer }, principal) {
      const { sessionHash } = principal;
      if (sessionHash === null) return fail("auth.forbidden", "An API token has no session to end. Revoke it instead.");
      await recordSessionEnded(
        runtime.db,
        { idHash: sessionHash, userId: principal.userId, username: principal.name, address: peer.address },
        { nowMs: runtime.now(), random: runtime.random },
      );
      const hostIds = await runtime.fleet.closeSession(sessionHash);
      await Promise.all(hostIds.map((hostId) => runtime.relay(hostId).closeSession(sessionHash)));
      return ok(new Reply({ headers: { "set-cookie": clearedCookie(peer) } }));
    },
  }),
];
