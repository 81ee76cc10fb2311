import type { IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import { AGENT_SUBPROTOCOL, MAX_FRAME_BYTES } from "../../protocol/limits.ts";
import type { Ending } from "./backoff.ts";
import { dial, type DialOptions } from "./dial.ts";

export interface SocketListener {
  onOpen(): void;
  onText(text: string): void;
  /** Called once, unless the socket was forgotten. */
  onEnd(ending: Ending): void;
}

export interface AgentSocket {
  send(text: string): void;
  /** Bytes handed over and not yet sent. */
  readonly waitingBytes: number;
  /** Ends it and hears nothing more of it; settles when it is closed. */
  forget(code: number, reason: string): Promise<void>;
}

const HANDSHAKE_WITHIN_MS = 15_000;
const CLOSE_WITHIN_MS = 1_000;

/**
 * Opens a socket of the agent at a ws(s) URL over `dial`, with the bearer in a header and never in the URL; a host that
 * has not joined yet has none.
 */
export async function openSocket(
  url: URL,
  bearer: string | null,
  dialOptions: DialOptions,
  listener: SocketListener,
): Promise<AgentSocket> {
  const stream = await dial(url, dialOptions);
  const socket = new WebSocket(url, AGENT_SUBPROTOCOL, {
    // The stream is connected and checked already; ws must not dial by itself.
    createConnection: () => stream,
    headers: bearer === null ? {} : { Authorization: `Bearer ${bearer}` },
    perMessageDeflate: false,
    maxPayload: MAX_FRAME_BYTES,
    handshakeTimeout: HANDSHAKE_WITHIN_MS,
    followRedirects: false,
  });
  let failure = "";
  socket.on("open", () => listener.onOpen());
  socket.on("message", (data: Buffer, isBinary) => {
    if (!isBinary) listener.onText(data.toString("utf8"));
  });
  socket.on("error", (error) => (failure = error.message));
  socket.on("unexpected-response", (request, response: IncomingMessage) => {
    const retryAfterSeconds = Number(response.headers["retry-after"]);
    const retryAfterMs = Number.isFinite(retryAfterSeconds) ? retryAfterSeconds * 1000 : null;
    const status = response.statusCode ?? 0;
    socket.removeAllListeners("close");
    request.destroy();
    listener.onEnd({ kind: "refused", status, retryAfterMs });
  });
  socket.on("close", (code, reason) => {
    // 1006 is ws's own word for "no close frame came": the error says more.
    if (code === 1006) listener.onEnd({ kind: "unreachable", why: failure || "the connection was cut" });
    else listener.onEnd({ kind: "closed", code, reason: reason.toString("utf8") });
  });
  return {
    send: (text) => socket.send(text),
    get waitingBytes() {
      return socket.bufferedAmount;
    },
    async forget(code, reason) {
      socket.removeAllListeners();
      socket.on("error", () => {});
      if (socket.readyState === WebSocket.CLOSED) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => socket.terminate(), CLOSE_WITHIN_MS);
        socket.once("close", () => {
          clearTimeout(timer);
          resolve();
        });
        if (socket.readyState === WebSocket.OPEN) socket.close(code, reason);
        else socket.terminate();
      });
    },
  };
}
