import { BACKOFF_RESET_AFTER_MS, BROWSER_SUBPROTOCOL, GRANT_SUBPROTOCOL_PREFIX } from "../../protocol/limits.ts";
import type { BrowserMessage } from "../../protocol/stream.ts";
import { backoffMs } from "./backoff.ts";
import { api } from "./endpoints.ts";

/** A grant lasts 60 s; renewing at 40 s leaves time for a slow answer. */
const RENEW_EVERY_MS = 40_000;

export type Link =
  | { state: "connecting" }
  | { state: "live" }
  /** The connection is lost since `sinceMs`; the next try is at `retryAtMs`. Both are the browser's clock. */
  | { state: "waiting"; sinceMs: number; retryAtMs: number };

export interface Stream {
  send(message: BrowserMessage): void;
  close(): void;
}

/**
 * A socket to the server that stays: it asks for a grant, connects, renews, and reconnects with full jitter until it
 * is closed. `path` is asked at each connect, so that it can carry a cursor.
 */
export function openStream(stream: { path(): string; onFrame(frame: string): void; onLink(link: Link): void }): Stream {
  let closed = false;
  let socket: WebSocket | null = null;
  let attempt = 0;
  let lostAtMs: number | null = null;
  /** The timer of the next try; 0 while there is none, also while a try is under way. */
  let retry = 0;
  let renew = 0;
  let settle = 0;

  async function connect(): Promise<void> {
    retry = 0;
    stream.onLink({ state: "connecting" });
    const grant = await api.grant();
    if (closed) return;
    if (!grant.ok) return wait();
    const address = new URL(stream.path(), location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const opened = new WebSocket(address, [BROWSER_SUBPROTOCOL, GRANT_SUBPROTOCOL_PREFIX + grant.value.grant]);
    socket = opened;
    opened.addEventListener("open", () => {
      if (socket !== opened) return;
      lostAtMs = null;
      settle = window.setTimeout(() => (attempt = 0), BACKOFF_RESET_AFTER_MS);
      renew = window.setInterval(() => void renewGrant(opened), RENEW_EVERY_MS);
      stream.onLink({ state: "live" });
    });
    opened.addEventListener("message", (event: MessageEvent) => {
      if (socket === opened && typeof event.data === "string") stream.onFrame(event.data);
    });
    opened.addEventListener("close", () => lose(opened));
  }

  /** A server that cannot renew is one we no longer hear, whatever TCP believes: start over. */
  async function renewGrant(of: WebSocket): Promise<void> {
    const grant = await api.grant();
    if (socket !== of) return;
    if (grant.ok) of.send(JSON.stringify({ type: "renew", grant: grant.value.grant } satisfies BrowserMessage));
    else lose(of);
  }

  function lose(of: WebSocket): void {
    if (socket !== of) return;
    socket = null;
    of.close();
    if (!closed) wait();
  }

  function wait(): void {
    window.clearInterval(renew);
    window.clearTimeout(settle);
    const nowMs = Date.now();
    lostAtMs ??= nowMs;
    const delayMs = backoffMs(attempt++, Math.random());
    stream.onLink({ state: "waiting", sinceMs: lostAtMs, retryAtMs: nowMs + delayMs });
    retry = window.setTimeout(() => void connect(), delayMs);
  }

  /** The browser says that the network is back: no reason to sit out the delay. */
  function hurry(): void {
    if (closed || socket || retry === 0) return;
    window.clearTimeout(retry);
    attempt = 0;
    void connect();
  }

  window.addEventListener("online", hurry);
  void connect();
  return {
    send(message) {
      if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
    },
    close() {
      closed = true;
      window.removeEventListener("online", hurry);
      window.clearTimeout(retry);
      window.clearTimeout(settle);
      window.clearInterval(renew);
      socket?.close();
      socket = null;
    },
  };
}
