import { WebSocket } from "ws";
import type { Problem } from "../../protocol/api.ts";
import { waitFor } from "./process.ts";

/** A WebSocket of a test: what came, in order, and how it ended. */
export interface WireSocket {
  readonly frames: string[];
  /** Close code and reason; null while it is open. */
  ended(): { code: number; reason: string } | null;
  /** Settles when the server has closed it. */
  closed(): Promise<{ code: number; reason: string }>;
  send(frame: string | Buffer): void;
  /** The first frame of this type, of those that came and those that come. */
  message<T = Record<string, unknown>>(type: string): Promise<T>;
  close(): void;
}

export type Dialled = { ok: true; socket: WireSocket } | { ok: false; status: number; problem: Problem | null };

/** Asks for an upgrade with exactly these headers; a refusal is a value. */
export function dial(
  url: string,
  protocols: readonly string[],
  headers: Readonly<Record<string, string>>,
): Promise<Dialled> {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(url, [...protocols], { headers: { ...headers }, perMessageDeflate: false });
    const frames: string[] = [];
    let ended: { code: number; reason: string } | null = null;
    // workerd says its close frame at once and lets go of the connection ten seconds later.
    const hangUp = () => {
      if (ws.readyState === WebSocket.CLOSING) ws.terminate();
      return ended;
    };
    const socket: WireSocket = {
      frames,
      ended: hangUp,
      closed: () => waitFor(`the server to close ${url}`, hangUp),
      send: (frame) => ws.send(frame),
      async message<T>(type: string) {
        const frame = await waitFor(`a ${type} on ${url}`, () => {
          const found = frames.find((text) => typeOf(text) === type);
          if (found === undefined && hangUp()) throw new Error(`closed ${ended!.code} ${ended!.reason} before ${type}`);
          return found;
        });
        return JSON.parse(frame) as T;
      },
      close: () => ws.close(),
    };
    ws.on("message", (data: Buffer) => frames.push(data.toString()));
    ws.on("close", (code, reason) => (ended ??= { code, reason: reason.toString() }));
    ws.on("open", () => resolve({ ok: true, socket }));
    ws.on("error", (error) => reject(error)); // after "open" nobody listens any more
    ws.on("unexpected-response", (_request, response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.on("end", () => {
        const isProblem = String(response.headers["content-type"]).startsWith("application/problem+json");
        resolve({ ok: false, status: response.statusCode ?? 0, problem: isProblem ? JSON.parse(body) : null });
      });
    });
  });
}

/** `dial` where a refusal is a failed test. */
export async function open(...args: Parameters<typeof dial>): Promise<WireSocket> {
  const dialled = await dial(...args);
  if (!dialled.ok) throw new Error(`refused ${dialled.status} ${dialled.problem?.detail}`);
  return dialled.socket;
}

function typeOf(frame: string): unknown {
  try {
    return (JSON.parse(frame) as { type?: unknown }).type;
  } catch {
    return null; // rm-pong
  }
}
