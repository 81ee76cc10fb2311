import type { IncomingMessage, Server } from "node:http";
import type { BlockList } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer, type WebSocket } from "ws";
import { fail, type Failure } from "../protocol/failure.ts";
import { MAX_FRAME_BYTES } from "../protocol/limits.ts";
import type { Runtime } from "../worker/bindings.ts";
import { API_HEADERS } from "../worker/headers.ts";
import { problemOf } from "../worker/problem.ts";
import { authorizeUpgrade, type Upgrade } from "../worker/upgrade.ts";
import { peerOfRequest } from "./http-server.ts";

/** A frame a little over the limit still arrives, so that the relay can say what is wrong with it. */
const MAX_PAYLOAD_BYTES = MAX_FRAME_BYTES + 1024;
const RETRY_AFTER_MS = 5_000;

/**
 * Answers WebSocket upgrades: checks who asks, then hands the open socket to `accept`. Returns a function after which
 * every upgrade is refused with 503.
 */
export function acceptUpgrades(
  server: Server,
  runtime: Runtime,
  proxies: BlockList,
  accept: (socket: WebSocket, upgrade: Upgrade) => void,
): () => void {
  let admitting = true;
  const subprotocols = new WeakMap<IncomingMessage, string>();
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_PAYLOAD_BYTES,
    handleProtocols: (_offered, request) => subprotocols.get(request) ?? false,
  });

  async function answer(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const peer = peerOfRequest(request, proxies);
    if (!admitting) return refuse(socket, stopping());
    if (peer === null)
      return refuse(socket, fail("request.invalid", "The Host header is missing or malformed.").failure);
    const url = URL.parse(request.url ?? "/", "http://localhost");
    if (url === null) return refuse(socket, fail("request.not_found", "There is nothing at this address.").failure);
    const checked = await authorizeUpgrade(runtime, peer, {
      path: url.pathname,
      query: url.searchParams,
      headers: new Headers(Object.entries(request.headers).map(([name, value]) => [name, String(value)])),
    });
    if (!checked.ok) {
      runtime.log.warn("upgrade.refused", { path: url.pathname, address: peer.address, code: checked.failure.code });
      return refuse(socket, checked.failure);
    }
    if (!admitting) return refuse(socket, stopping());
    subprotocols.set(request, checked.value.subprotocol);
    sockets.handleUpgrade(request, socket, head, (ws) => accept(ws, checked.value));
  }

  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // Until ws takes over, a client that goes away is an error on a socket nobody else watches.
    const ignore = () => socket.destroy();
    socket.on("error", ignore);
    answer(request, socket, head)
      .catch((error: unknown) => {
        runtime.log.error("upgrade.failed", { error });
        refuse(socket, fail("server.internal", "Something went wrong.").failure);
      })
      .finally(() => socket.off("error", ignore));
  });
  return () => {
    admitting = false;
  };
}

function stopping(): Failure {
  return fail("server.unavailable", "The server is restarting.", { retry: true, retryAfterMs: RETRY_AFTER_MS }).failure;
}

function refuse(socket: Duplex, failure: Failure): void {
  const problem = problemOf(failure, "");
  const body = JSON.stringify(problem);
  const headers: Record<string, string> = {
    ...API_HEADERS,
    "content-type": "application/problem+json",
    "content-length": String(Buffer.byteLength(body)),
    connection: "close",
    ...(failure.retryAfterMs === undefined ? {} : { "retry-after": String(Math.ceil(failure.retryAfterMs / 1000)) }),
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${problem.status} ${problem.title}\r\n${lines.join("")}\r\n${body}`);
}
