import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { BlockList } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { fail } from "../protocol/failure.ts";
import type { App } from "../worker/app.ts";
import type { Peer, Runtime } from "../worker/bindings.ts";
import { API_HEADERS } from "../worker/headers.ts";
import { problemResponse } from "../worker/problem.ts";
import type { ConsoleFiles } from "./console-files.ts";
import { peerOf } from "./peer.ts";

const HEADERS_WITHIN_MS = 15_000;
const REQUEST_WITHIN_MS = 60_000;
/** Longer than proxies keep theirs, so that they, not we, end an idle connection. */
const KEEP_ALIVE_MS = 75_000;
/** How much of a body that nobody wants is still read, and how long. */
const DROPPED_BYTES = 8 * 1024 * 1024;
const DROPPED_WITHIN_MS = 1_000;

export interface Web {
  server: Server;
  /** Settles when no request is being answered. */
  idle(): Promise<void>;
}

/** The peer of a request on this server; null when its Host cannot be used. */
export function peerOfRequest(incoming: IncomingMessage, proxies: BlockList): Peer | null {
  const one = (value: string | string[] | undefined) => (Array.isArray(value) ? value.join(",") : value);
  return peerOf(
    {
      remoteAddress: incoming.socket.remoteAddress,
      host: incoming.headers.host,
      forwardedFor: one(incoming.headers["x-forwarded-for"]),
      forwardedProto: one(incoming.headers["x-forwarded-proto"]),
    },
    proxies,
  );
}

/** HTTP for the application and the console's files. Upgrades are the caller's. */
export function createWeb(app: App, runtime: Runtime, files: ConsoleFiles, proxies: BlockList): Web {
  let answering = 0;
  let whenIdle: (() => void)[] = [];

  const toApplication = getRequestListener(
    async (request, bindings) => {
      const incoming = bindings.incoming as IncomingMessage;
      const peer = peerOfRequest(incoming, proxies);
      if (peer === null) return refuse(fail("request.invalid", "The Host header is missing or malformed.").failure);
      const answer = await app.fetch(request, { runtime, peer });
      if (!incoming.readableEnded && request.method !== "GET" && request.method !== "HEAD") await dropRest(incoming);
      return answer;
    },
    { overrideGlobalObjects: false },
  );
  const refuse = (failure: Parameters<typeof problemResponse>[0]) => problemResponse(failure, "", API_HEADERS);

  const server = createServer(
    { headersTimeout: HEADERS_WITHIN_MS, requestTimeout: REQUEST_WITHIN_MS, keepAliveTimeout: KEEP_ALIVE_MS },
    (incoming, outgoing) => {
      answering++;
      outgoing.once("close", () => {
        if (--answering > 0) return;
        for (const settle of whenIdle) settle();
        whenIdle = [];
      });
      if (incoming.method === "TRACE") {
        // fetch's Request knows no such method (fetch.spec.whatwg.org, "forbidden method")
        outgoing.writeHead(405, { ...API_HEADERS, allow: "GET, HEAD" }).end();
      } else if (!serveFile(files, incoming, outgoing)) void toApplication(incoming, outgoing);
    },
  );
  return {
    server,
    idle: () => (answering === 0 ? Promise.resolve() : new Promise((settle) => whenIdle.push(settle))),
  };
}

/**
 * Reads what the application left of a body, within limits: closing over unread bytes resets the connection, and the
 * sender would see a broken pipe instead of its answer (RFC 9112 section 9.6).
 */
async function dropRest(incoming: IncomingMessage): Promise<void> {
  let droppedBytes = 0;
  await new Promise<void>((resolve) => {
    const settle = () => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(settle, DROPPED_WITHIN_MS);
    incoming.once("end", settle).once("close", settle).once("error", settle);
    incoming.on("data", (chunk: Buffer) => {
      droppedBytes += chunk.length;
      if (droppedBytes > DROPPED_BYTES) settle();
      else incoming.resume();
    });
    incoming.resume();
  });
}

function serveFile(files: ConsoleFiles, incoming: IncomingMessage, outgoing: ServerResponse): boolean {
  if (incoming.method !== "GET" && incoming.method !== "HEAD") return false;
  const answer = files.answer({
    path: (incoming.url ?? "/").split("?", 1)[0]!,
    accept: incoming.headers.accept ?? "",
    acceptEncoding: String(incoming.headers["accept-encoding"] ?? ""),
    ifNoneMatch: incoming.headers["if-none-match"] ?? "",
  });
  if (!answer) return false;
  outgoing.writeHead(answer.status, answer.headers).end(incoming.method === "HEAD" ? null : answer.body);
  return true;
}
