import { createHash, createPublicKey, randomBytes, randomUUID, verify, type KeyObject } from "node:crypto";
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import Database from "better-sqlite3";
import { WebSocketServer, type WebSocket } from "ws";

/**
 * What the machine can do with nothing of ours in the way: a bare `ws` server doing only the necessary work of one
 * workload. Modes: idle (token look-up, hold), storm (token look-up, Ed25519, one grouped update), group (parse, one
 * row a turn, one commit a turn, one frame to each browser, ack), bare (one frame in, one to each browser), click (a row
 * for the question, a frame to its agent, a row for the answer, a frame to each browser).
 * Arguments: mode, folder, file with hosts as JSON lines {hostId, bearerHash, signKey}.
 */
const [mode = "", folder = "", hostsFile = ""] = process.argv.slice(2);

interface KnownHost {
  hostId: string;
  bearerHash: string;
  signKey: string;
}

const db = new Database(`${folder}/ceiling.db`);
db.pragma("journal_mode = WAL");
db.pragma("synchronous = FULL");
db.exec(
  "CREATE TABLE IF NOT EXISTS hosts (bearer_hash TEXT PRIMARY KEY, id TEXT, sign_key TEXT, seen INTEGER) WITHOUT ROWID",
);
db.exec(
  "CREATE TABLE IF NOT EXISTS chunks (job TEXT, first INTEGER, body TEXT, PRIMARY KEY (job, first)) WITHOUT ROWID",
);
const add = db.prepare("INSERT OR IGNORE INTO hosts VALUES (?, ?, ?, 0)");
db.transaction(() => {
  for (const line of readFileSync(hostsFile, "utf8").split("\n").filter(Boolean)) {
    const host = JSON.parse(line) as KnownHost;
    add.run(host.bearerHash, host.hostId, host.signKey);
  }
})();
const find = db.prepare("SELECT id, sign_key AS signKey FROM hosts WHERE bearer_hash = ?");
const seen = db.prepare("UPDATE hosts SET seen = ? WHERE bearer_hash = ?");
const append = db.prepare("INSERT INTO chunks VALUES (?, ?, ?)");

const wss = new WebSocketServer({ noServer: true, perMessageDeflate: false });
const browsers = new Set<WebSocket>();
const agents = new Map<string, WebSocket>();
const http = createServer((request, response) => {
  let body = "";
  request.on("data", (part: Buffer) => (body += part.toString()));
  request.on("end", () => {
    const { hostId } = JSON.parse(body) as { hostId: string };
    const jobId = randomUUID();
    atEndOfTurn(
      () => append.run(jobId, 1, hostId),
      () => {
        agents.get(hostId)?.send(JSON.stringify({ jobId, hostId }));
        response
          .writeHead(202, { "content-type": "application/json" })
          .end(JSON.stringify({ id: jobId, state: "queued" }));
      },
    );
  });
});
http.on("upgrade", (request, socket, head) => {
  const accept = (run: (ws: WebSocket) => void) => wss.handleUpgrade(request, socket, head, run);
  if (request.url === "/browser") {
    accept((ws) => {
      browsers.add(ws);
      ws.on("close", () => browsers.delete(ws));
      ws.on("error", () => {});
    });
    return;
  }
  const hash = createHash("sha256")
    .update((request.headers.authorization ?? "").slice(7))
    .digest("hex");
  const host = find.get(hash) as { id: string; signKey: string } | undefined;
  if (!host) {
    socket.destroy();
    return;
  }
  accept((ws) => handlers[mode]!(ws, hash, host.signKey, host.id));
});

/** One transaction for all that came in this turn of the event loop, then `after` of each. */
const turn: { write: () => void; after: () => void }[] = [];
function atEndOfTurn(write: () => void, after: () => void): void {
  if (turn.push({ write, after }) > 1) return;
  setImmediate(() => {
    const work = turn.splice(0);
    db.exec("BEGIN IMMEDIATE");
    for (const item of work) item.write();
    db.exec("COMMIT");
    for (const item of work) item.after();
  });
}

function ed25519Key(raw: string): KeyObject {
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: raw }, format: "jwk" });
}

const handlers: Record<string, (ws: WebSocket, hash: string, signKey: string, hostId: string) => void> = {
  idle(ws) {
    ws.on("message", () => ws.send("rm-pong"));
  },
  storm(ws, hash, signKey) {
    const nonce = randomBytes(32).toString("base64url");
    ws.send(JSON.stringify({ nonce }));
    ws.on("message", (data: Buffer) => {
      const { signature } = JSON.parse(data.toString()) as { signature: string };
      if (!verify(null, Buffer.from(nonce), ed25519Key(signKey), Buffer.from(signature, "base64url"))) ws.close();
      atEndOfTurn(
        () => seen.run(Date.now(), hash),
        () => ws.send("{}"),
      );
    });
  },
  group(ws) {
    ws.on("message", (data: Buffer) => {
      const message = JSON.parse(data.toString()) as { jobId: string; first: number; records: unknown[] };
      const body = JSON.stringify(message.records);
      const last = message.first + message.records.length - 1;
      atEndOfTurn(
        () => append.run(message.jobId, message.first, body),
        () => {
          const frame = `{"type":"records","first":${message.first},"records":${body}}`;
          for (const browser of browsers) browser.send(frame);
          ws.send(JSON.stringify({ type: "ack", jobId: message.jobId, seq: last }));
        },
      );
    });
  },
  click(ws, _, __, hostId) {
    agents.set(hostId, ws);
    ws.on("message", (data: Buffer) => {
      const {
        jobId,
        hostId: of,
        state,
      } = JSON.parse(data.toString()) as { jobId: string; hostId: string; state: string };
      atEndOfTurn(
        () => append.run(jobId, 2, state),
        () => {
          const frame = JSON.stringify({ type: "jobChanged", jobId, hostId: of, state });
          for (const browser of browsers) browser.send(frame);
        },
      );
    });
  },
  bare(ws) {
    ws.on("message", (data: Buffer) => {
      for (const browser of browsers) browser.send(data, { binary: false });
    });
  },
};

http.listen(0, "127.0.0.1", () => {
  const address = http.address();
  process.stdout.write(`listening ${typeof address === "object" && address ? address.port : 0}\n`);
});
