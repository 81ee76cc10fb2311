import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import { afterAll, beforeAll } from "vitest";
import Database from "better-sqlite3";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MAX_FRAME_BYTES } from "../../protocol/limits.ts";
import { createNodeRelays, type NodeRelays } from "../../selfhost/relay-platform.ts";
import { relayContract } from "./relay-contract.ts";
import { TestOutside, type ClientSocket, type RelayWorld, type TestHost, type TestUpgrade } from "./relay-world.ts";

/** The relay on `ws` and better-sqlite3, its shell made anew between every two steps. */
let folder: string;
let server: Server;
const accepting = new Map<string, (ws: WebSocket) => void>();
const worlds: NodeRelays[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "restic-manager-relay-"));
  server = createServer();
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: MAX_FRAME_BYTES + 1024 });
  server.on("upgrade", (request, socket, head) =>
    sockets.handleUpgrade(request, socket, head, (ws) => accepting.get(request.url!)!(ws)),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});

afterAll(async () => {
  for (const world of worlds) await world.close();
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

relayContract(async (host) => nodeWorld(host));

async function nodeWorld(host: TestHost): Promise<RelayWorld> {
  const outside = new TestOutside();
  const file = join(folder, `${host.hostId}.db`);
  const relays = createNodeRelays({ file, outside, now: outside.now });
  worlds.push(relays);
  let opened = 0;
  return {
    relay: relays.relay(host.hostId),
    outside,
    async open(upgrade: TestUpgrade) {
      const path = `/${host.hostId}/${++opened}`;
      accepting.set(path, (ws) => {
        if (upgrade.kind === "agent") relays.acceptAgent(ws, upgrade.grant);
        else relays.acceptBrowser(ws, upgrade.grant, host.hostId);
      });
      const ws = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}${path}`);
      const client = clientOf(ws);
      await once(ws, "open");
      return client;
    },
    evict: () => relays.evict(),
    async advance(ms) {
      outside.offsetMs += ms;
      relays.sweep();
      await relays.evict();
    },
    async rows() {
      const db = new Database(file, { readonly: true });
      try {
        const tables = ["relay_hosts", "relay_jobs", "relay_ended", "relay_log", "relay_facts"];
        return JSON.stringify(tables.flatMap((table) => db.prepare(`SELECT * FROM ${table}`).all()));
      } finally {
        db.close();
      }
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
