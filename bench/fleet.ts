import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  randomBytes,
  randomUUID,
  sign,
  type KeyObject,
} from "node:crypto";
import { WebSocket } from "ws";
import { AGENT_SUBPROTOCOL } from "../protocol/limits.ts";
import {
  encodeAgentMessage,
  helloProof,
  parseServerFrame,
  type AgentMessage,
  type ServerMessage,
} from "../protocol/wire.ts";

/** Simulated agents: real keys and the real handshake, no restic. What they cost is the load's, not the server's. */
export interface SimulatedHost {
  hostId: string;
  bearer: string;
  bearerHash: string;
  signKey: string;
  secretKey: KeyObject;
  join: number;
}

const rawPublic = (key: KeyObject) => key.export({ format: "jwk" }).x!;

export function makeHosts(count: number): SimulatedHost[] {
  return Array.from({ length: count }, () => {
    const pair = generateKeyPairSync("ed25519");
    const bearer = `rmh_${randomBytes(32).toString("base64url")}`;
    return {
      hostId: randomUUID(),
      bearer,
      bearerHash: createHash("sha256").update(bearer).digest("hex"),
      signKey: rawPublic(pair.publicKey),
      secretKey: createPrivateKey(pair.privateKey.export({ format: "pem", type: "pkcs8" })),
      join: 0,
    };
  });
}

export interface LiveAgent {
  socket: WebSocket;
  send(message: AgentMessage): void;
  onMessage(handler: (message: ServerMessage) => void): void;
}

/** Dials, proves itself and waits for the welcome. */
export function connectAgent(origin: string, host: SimulatedHost): Promise<LiveAgent> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${origin.replace("http", "ws")}/ws/agent`, AGENT_SUBPROTOCOL, {
      headers: { authorization: `Bearer ${host.bearer}` },
      perMessageDeflate: false,
    });
    let handler: (message: ServerMessage) => void = () => {};
    const send = (message: AgentMessage) => socket.send(encodeAgentMessage(message));
    socket.on("error", reject);
    socket.on("close", (code, reason) => reject(new Error(`closed ${code} ${reason.toString()}`)));
    socket.on("message", (data: Buffer) => {
      const text = data.toString();
      if (text === "rm-pong") return;
      const parsed = parseServerFrame(text);
      if (parsed.kind !== "message") throw new Error(`unexpected frame: ${text.slice(0, 200)}`);
      const message = parsed.message;
      if (message.type === "challenge") send(hello(host, message.nonce));
      else if (message.type === "welcome") {
        host.join = message.join;
        send({ type: "joined", join: message.join });
        resolve({ socket, send, onMessage: (next) => (handler = next) });
      } else handler(message);
    });
  });
}

function hello(host: SimulatedHost, nonce: string): AgentMessage {
  return {
    type: "hello",
    protocol: 1,
    agentVersion: "0.1.0",
    resticVersion: "0.18.0",
    os: "linux",
    arch: "x64",
    hostname: "bench",
    machineFacts: {},
    join: host.join,
    signature: sign(null, Buffer.from(helloProof(host.hostId, nonce, host.join)), host.secretKey).toString("base64url"),
    scheduleVersion: 0,
    configVersion: 0,
    timeMs: Date.now(),
    jobs: [],
  };
}

/** Runs `work` over all items, at most `width` at a time. */
export async function inFlight<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (next < items.length) await work(items[next++]!);
    }),
  );
}
