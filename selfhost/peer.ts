import { isIP, type BlockList } from "node:net";
import type { Peer } from "../worker/bindings.ts";

export interface Incoming {
  /** Address of the other end of the TCP connection. */
  remoteAddress: string | undefined;
  host: string | undefined;
  forwardedFor: string | undefined;
  forwardedProto: string | undefined;
}

const HOST = /^(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i;
const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;

function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, "").replace(/%.*$/, "");
}

function isTrusted(proxies: BlockList, address: string): boolean {
  const family = isIP(address);
  return family !== 0 && proxies.check(address, family === 6 ? "ipv6" : "ipv4");
}

function isLoopback(address: string): boolean {
  return address === "::1" || /^127(\.\d{1,3}){3}$/.test(address);
}

/** The last address in X-Forwarded-For that no trusted proxy has: what the outermost of them saw. */
function clientAddress(proxies: BlockList, remote: string, forwardedFor: string): string {
  let address = remote;
  for (const hop of forwardedFor.split(",").toReversed()) {
    const next = plain(hop.trim());
    if (isIP(next) === 0) return address;
    address = next;
    if (!isTrusted(proxies, address)) return address;
  }
  return address;
}

/**
 * Who is at the other end; null for a request without a usable Host. Forwarded headers count from trusted proxies only.
 * Plain HTTP is private only between a browser on this machine and its loopback name: a proxy that is not trusted, or
 * a name that leads elsewhere, is not.
 */
export function peerOf(incoming: Incoming, proxies: BlockList): Peer | null {
  const { host } = incoming;
  if (incoming.remoteAddress === undefined || host === undefined || !HOST.test(host)) return null;
  const remote = plain(incoming.remoteAddress);
  if (isTrusted(proxies, remote)) {
    const isTls = incoming.forwardedProto?.split(",").at(-1)?.trim().toLowerCase() === "https";
    return {
      address: clientAddress(proxies, remote, incoming.forwardedFor ?? ""),
      secure: isTls,
      origin: `${isTls ? "https" : "http"}://${host.toLowerCase()}`,
    };
  }
  return {
    address: remote,
    secure: isLoopback(remote) && LOOPBACK_HOST.test(host) && incoming.forwardedFor === undefined,
    origin: `http://${host.toLowerCase()}`,
  };
}
