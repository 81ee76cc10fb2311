import { fail, ok, type Result } from "../protocol/failure.ts";
import type { Peer, Settings } from "./bindings.ts";

const READS: ReadonlySet<string> = new Set(["GET", "HEAD"]);

/** The origin under which browsers reach the server: scheme://host[:port]. */
export function ownOrigin(settings: Settings, peer: Peer): string {
  return settings.publicUrl === null ? peer.origin : new URL(settings.publicUrl).origin;
}

/**
 * Refuses state-changing requests that another site's page may have caused. Browsers say so themselves: Sec-Fetch-Site
 * where the page is trustworthy, Origin on every cross-site POST (fetch.spec.whatwg.org, "Origin header"). A request
 * with a cookie and neither header is refused; one with no cookie and neither is no browser's.
 */
export function checkSameOrigin(settings: Settings, peer: Peer, method: string, headers: Headers): Result<null> {
  if (READS.has(method)) return ok(null);
  const site = headers.get("sec-fetch-site");
  const origin = headers.get("origin");
  const own = ownOrigin(settings, peer);
  const foreign = () =>
    fail("request.cross_origin", "This request came from another site. Open the console at its own address.");
  if (site !== null) return site === "same-origin" ? ok(null) : foreign();
  if (origin !== null) return origin === own ? ok(null) : foreign();
  return headers.has("cookie") ? foreign() : ok(null);
}

/** With a public URL configured, no other name is answered: a forged Host header ends in no link and no cookie. */
export function checkHost(settings: Settings, peer: Peer): Result<null> {
  if (settings.publicUrl === null || new URL(peer.origin).host === new URL(settings.publicUrl).host) return ok(null);
  return fail("request.misdirected", `This server answers as ${settings.publicUrl}.`);
}
