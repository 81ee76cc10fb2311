import { fail, ok, type Result } from "../../protocol/failure.ts";
import { isLoopback } from "./proxy.ts";

/** The server's origin as the operator gave it, when it may be talked to: TLS, loopback, or the explicit flag. */
export function checkServer(server: string, allowPlain: boolean): Result<URL> {
  const url = URL.parse(server);
  if (!url || (url.protocol !== "https:" && url.protocol !== "http:"))
    return fail("request.invalid", `"${server}" is no server address. It looks like https://backup.example.net.`);
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "")
    return fail("request.invalid", "The server address must not hold a login, a query or a fragment.");
  if (url.protocol === "http:" && !isLoopback(url.hostname) && !allowPlain)
    return fail(
      "auth.insecure_transport",
      `${url.origin} is not encrypted, so this host's bearer could be read on the way. Use https://, or --allow-plain-ws in a lab.`,
    );
  url.pathname = url.pathname.replace(/\/+$/, "");
  return ok(url);
}

/** The server's address as agent.yaml keeps it, without a slash at its end. */
export function serverAddress(server: URL): string {
  return server.href.replace(/\/$/, "");
}

/** Where the agent's socket is. */
export function socketUrl(server: URL): URL {
  const url = new URL(server);
  url.protocol = server.protocol === "https:" ? "wss:" : "ws:";
  url.pathname = `${server.pathname.replace(/\/$/, "")}/ws/agent`;
  return url;
}

/** Where an announced host waits. */
export function pendingSocketUrl(server: URL, pendingId: string): URL {
  const url = socketUrl(server);
  url.pathname += "/pending";
  url.searchParams.set("id", pendingId);
  return url;
}
