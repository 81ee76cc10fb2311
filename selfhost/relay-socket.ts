import type { WebSocket } from "ws";
import type { RelaySocket } from "../durable-objects/platform.ts";
import { PING_TEXT, PONG_TEXT } from "../protocol/limits.ts";
import type { Outlet, TurnDatabase } from "./turn-database.ts";

/** Where a socket's events go. */
export interface SocketOwner {
  readonly turns: TurnDatabase;
  now(): number;
  onFrame(socket: NodeSocket, frame: string | ArrayBuffer): void;
  onClose(socket: NodeSocket): void;
}

const SOCKET = Symbol("relay socket");
type Owned = WebSocket & { [SOCKET]: NodeSocket };

const ping = Buffer.from(PING_TEXT);
const pong = Buffer.from(PONG_TEXT);
const asText = { binary: false };

/**
 * A `ws` socket in the shape the relay's shell knows. It answers rm-ping by itself. Listeners are shared functions:
 * an idle agent must cost little more than its bare socket.
 */
export class NodeSocket implements RelaySocket, Outlet {
  readonly #ws: WebSocket;
  readonly #owner: SocketOwner;
  #attachment: unknown = null;
  #closing: { code: number; reason: string } | null = null;
  tags: readonly string[] = [];
  /** When the last rm-ping was answered, and when anything last came. */
  answeredAtMs = 0;
  contactMs: number;

  constructor(ws: WebSocket, owner: SocketOwner) {
    this.#ws = ws;
    this.#owner = owner;
    this.contactMs = owner.now();
    (ws as Owned)[SOCKET] = this;
    ws.on("message", onMessage);
    ws.on("close", onClose);
    ws.on("error", onError);
  }

  get readyState(): number {
    return this.#closing ? 2 : this.#ws.readyState;
  }

  get bufferedAmount(): number {
    return this.#ws.bufferedAmount;
  }

  send(frame: string): void {
    this.#owner.turns.send(this, frame);
  }

  close(code: number, reason: string): void {
    if (this.#closing) return;
    this.#closing = { code, reason };
    this.#owner.turns.send(this, null);
  }

  serializeAttachment(value: unknown): void {
    this.#attachment = value;
  }

  deserializeAttachment(): unknown {
    return this.#attachment;
  }

  release(frame: string | null): void {
    if (this.#ws.readyState !== 1) return;
    if (frame === null) this.#ws.close(this.#closing?.code, this.#closing?.reason);
    else this.#ws.send(encoded(frame), asText);
  }

  cut(): void {
    this.#closing ??= { code: 1011, reason: "not kept" };
    this.#ws.close(1011, "not kept");
  }

  /** Hears no more events; for a process that stops. */
  leave(code: number, reason: string): void {
    this.#ws.removeAllListeners("message");
    this.#ws.removeAllListeners("close");
    this.#ws.close(code, reason);
  }

  terminate(): void {
    this.#ws.terminate();
  }

  receive(data: Buffer, isBinary: boolean): void {
    this.contactMs = this.#owner.now();
    if (data.length === ping.length && !isBinary && data.equals(ping)) {
      this.answeredAtMs = this.contactMs;
      this.#ws.send(pong, asText);
      return;
    }
    this.#owner.onFrame(this, isBinary ? new Uint8Array(data).buffer : data.toString());
  }

  gone(): void {
    this.#owner.onClose(this);
  }
}

// One frame often goes to many sockets in a row: encode it once.
let lastFrame = "";
let lastBytes = Buffer.alloc(0);
function encoded(frame: string): Buffer {
  if (frame !== lastFrame) {
    lastFrame = frame;
    lastBytes = Buffer.from(frame);
  }
  return lastBytes;
}

function onMessage(this: WebSocket, data: unknown, isBinary: boolean): void {
  (this as Owned)[SOCKET].receive(data as Buffer, isBinary);
}
function onClose(this: WebSocket): void {
  (this as Owned)[SOCKET].gone();
}
function onError(): void {
  // "close" follows, with the code.
}
