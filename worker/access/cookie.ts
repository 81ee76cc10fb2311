import type { Peer, Settings } from "../bindings.ts";

/**
 * The session cookie. Its name depends on the transport, so that a cookie set over plain HTTP can never pass for one
 * set over TLS: `__Host-` binds it to this host, to a trustworthy transport and to the path / (RFC 6265bis section
 * 4.1.3.2). Chromium and Firefox count loopback as trustworthy, so plain HTTP has a name of its own only in a lab.
 */
const SECURE_NAME = "__Host-rm";
const PLAIN_NAME = "rm-plain";

/** Whether a session may travel on this connection: TLS or loopback, or a lab that asked for plain HTTP. */
export function mayCarrySession(settings: Settings, peer: Peer): boolean {
  return peer.secure || settings.allowHttp;
}

/** The session token in the Cookie header; null when there is none. */
export function readSessionCookie(peer: Peer, headers: Headers): string | null {
  const name = peer.secure ? SECURE_NAME : PLAIN_NAME;
  for (const pair of (headers.get("cookie") ?? "").split(";")) {
    const at = pair.indexOf("=");
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim();
  }
  return null;
}

/**
 * A Set-Cookie header. Strict costs no link into the console: its pages are static and need no cookie, and what they
 * fetch is same-site.
 */
export function sessionCookie(peer: Peer, token: string, maxAgeMs: number): string {
  const [name, secure] = peer.secure ? [SECURE_NAME, "; Secure"] : [PLAIN_NAME, ""];
  return `${name}=${token}; Path=/; Max-Age=${Math.floor(maxAgeMs / 1000)}; HttpOnly${secure}; SameSite=Strict`;
}

export function clearedCookie(peer: Peer): string {
  return sessionCookie(peer, "", 0);
}
