import { lowerRole } from "../../core/access/actions.ts";
import { hashToken, TOKEN_PREFIXES } from "../../core/secrets/tokens.ts";
import type { Peer, Runtime } from "../bindings.ts";
import type { Principal } from "../route.ts";
import { loadSession } from "../store/sessions.ts";
import { loadToken, noteTokenUsed } from "../store/tokens.ts";
import { mayCarrySession, readSessionCookie } from "./cookie.ts";

/**
 * Who asks: the owner of the API token in `Authorization`, else of the session cookie. A wrong Authorization header
 * does not fall back to the cookie. Null = nobody we know; over plain HTTP away from loopback nobody is, whatever is
 * sent, so that no script gets used to sending its token in clear.
 */
export async function findPrincipal(runtime: Runtime, peer: Peer, headers: Headers): Promise<Principal | null> {
  if (!mayCarrySession(runtime.settings, peer)) return null;
  const nowMs = runtime.now();
  const authorization = headers.get("authorization");
  if (authorization !== null) {
    const secret = /^Bearer (\S{1,128})$/i.exec(authorization)?.[1];
    if (!secret?.startsWith(TOKEN_PREFIXES.api)) return null;
    const token = await loadToken(runtime.db, hashToken(secret), nowMs);
    if (!token) return null;
    await noteTokenUsed(runtime.db, token, nowMs);
    return {
      kind: "token",
      userId: token.userId,
      name: `${token.username}/${token.tokenName}`,
      actorId: token.tokenId,
      role: lowerRole(token.tokenRole, token.userRole),
      sessionHash: null,
    };
  }
  const cookie = readSessionCookie(peer, headers);
  if (cookie === null) return null;
  const sessionHash = hashToken(cookie);
  const user = await loadSession(runtime.db, sessionHash, nowMs);
  if (!user) return null;
  return {
    kind: "user",
    userId: user.userId,
    name: user.username,
    actorId: user.userId,
    role: user.role,
    sessionHash,
  };
}
