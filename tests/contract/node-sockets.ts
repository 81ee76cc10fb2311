import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import { MAX_FRAME_BYTES } from "../../protocol/limits.ts";
import type { ClientSocket } from "./relay-world.ts";

/** A `ws` server on loopback that hands each new socket to whoever opened it. */
export async function startSockets() {
  const server = createServer();
  const accepting = new Map<string, (ws: WebSocket) => void>();
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: MAX_FRAME_BYTES + 1024 });
  server.on("upgrade", (request, socket, head) =>
    sockets.handleUpgrade(request, socket, head, (ws) => accepting.get(request.url!)!(ws)),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  let opened = 0;
  return {
    /** Opens a socket whose server end goes to `accept`. */
    async open(accept: (ws: WebSocket) => void): Promise<ClientSocket> {
      const path = `/${++opened}`;
      accepting.set(path, accept);
      const ws = new WebSocket(`ws://127.0.0.1:${port}${path}`);
      const client = clientOf(ws);
      await once(ws, "open");
      return client;
    },
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

function clientOf(ws: WebSocket): ClientSocket {
  const frames: string[] = [];
  let closed: ClientSocket["closed"] = null;
  ws.on("message", (data: Buffer) => frames.push(data.toString()));
  ws.on("close", (code, reason) => {
    closed = { code, reason: reason.toString() };
  });
  ws.on("error", () => {});
  return {
    frames,
    get closed() {
      return closed;
    },
    send: (frame) => ws.send(frame),
    close: () => ws.close(),
  };
}
