import { createServer } from "node:http";
import { WebSocketServer, type WebSocket } from "ws";
import { verify } from "../../core/secrets/sign.ts";
import { sealToHost } from "../../core/secrets/to-host.ts";
import { uuidv7, type RandomBytes } from "../../core/ids.ts";
import { enrollBody, type EnrollBody } from "../../protocol/api.ts";
import * as v from "valibot";
import { AGENT_SUBPROTOCOL } from "../../protocol/limits.ts";
import type { RepositorySecret } from "../../protocol/repository.ts";
import type { SealedHooks } from "../../protocol/schedule.ts";
import type { Envelope } from "../../protocol/sealed.ts";
import {
  encodeServerMessage,
  enrollProof,
  helloProof,
  hooksContext,
  parseAgentFrame,
  sealContext,
  type AgentMessage,
  type Hello,
  type JobRecord,
  type JobSpec,
  type Progress,
  type ServerMessage,
  type WireSchedule,
} from "../../protocol/wire.ts";
import { waitFor } from "./process.ts";

/**
 * The server's end of the agent link, as small as the protocol allows. A fake, because it can do what the real relay
 * never does on purpose: withhold acknowledgements, repeat commands, cut sockets at a chosen frame. Agent and real
 * server meet in the end-to-end tests.
 */
export interface FakeRelay {
  readonly origin: string;
  readonly host: EnrollBody | null;
  readonly hostId: string;
  readonly hellos: Hello[];
  /** Everything but hello, records and pings, in order of arrival. */
  readonly messages: AgentMessage[];
  readonly progress: Progress[];
  /** What went wrong on the wire: gaps, bad frames, bad signatures. */
  readonly faults: string[];
  /** While true, records are kept and not acknowledged. */
  silent: boolean;
  records(jobId: string): JobRecord[];
  /** All jobs that sent records, in the order they first did. */
  jobIds(): string[];
  /** Sends to the live agent; false when none is. */
  send(message: ServerMessage): boolean;
  startJob(spec: JobSpec, jobId?: string): string;
  setRepository(repositoryId: string, address: string, secret: RepositorySecret): void;
  setSchedules(schedules: readonly WireSchedule[]): void;
  sealHooks(scheduleId: string, hooks: SealedHooks): Envelope;
  cut(): void;
  online(): Promise<void>;
  finished(jobId: string, timeoutMs?: number): Promise<Extract<JobRecord, { type: "finished" }>>;
  stop(): Promise<void>;
}

export async function startFakeRelay(random: RandomBytes): Promise<FakeRelay> {
  const hostId = uuidv7(Date.now(), random);
  const bearer = `rmh_${"b".repeat(43)}`;
  const jobs = new Map<string, JobRecord[]>();
  const hellos: Hello[] = [];
  const messages: AgentMessage[] = [];
  const progress: Progress[] = [];
  const faults: string[] = [];
  let host: EnrollBody | null = null;
  let live: WebSocket | null = null;
  let join = 0;
  let config: Extract<ServerMessage, { type: "config.update" }> = {
    type: "config.update",
    version: 0,
    repositories: [],
  };
  let schedules: Extract<ServerMessage, { type: "schedule.set" }> = {
    type: "schedule.set",
    version: 0,
    part: 0,
    last: true,
    schedules: [],
  };

  const http = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => (body += text));
    request.on("end", () => {
      const asked = v.parse(enrollBody, JSON.parse(body));
      if (!verify(asked.signKey, enrollProof(asked.token, asked.signKey, asked.sealKey), asked.proof)) {
        response.writeHead(422).end(JSON.stringify({ detail: "The proof does not fit." }));
        return;
      }
      host = asked;
      response.writeHead(201, { "content-type": "application/json" });
      response.end(JSON.stringify({ hostId, name: "host", bearer, serverTimeMs: Date.now() }));
    });
  });
  const sockets = new WebSocketServer({ server: http, path: "/ws/agent", handleProtocols: () => AGENT_SUBPROTOCOL });
  sockets.on("connection", (socket, request) => {
    if (request.headers.authorization !== `Bearer ${bearer}`) faults.push("bad bearer");
    const nonce = Buffer.from(random(32)).toString("base64url");
    const reply = (message: ServerMessage) => socket.send(encodeServerMessage(message));
    reply({ type: "challenge", nonce, serverTimeMs: Date.now() });
    socket.on("message", (data: Buffer) => {
      const text = data.toString();
      if (text === "rm-ping") return socket.send("rm-pong");
      const parsed = parseAgentFrame(text);
      if (parsed.kind !== "message") return void faults.push(`${JSON.stringify(parsed)} ${text.slice(0, 200)}`);
      onMessage(socket, nonce, parsed.message, reply);
    });
    socket.on("close", () => {
      if (live === socket) live = null;
    });
  });

  function onMessage(socket: WebSocket, nonce: string, message: AgentMessage, reply: (m: ServerMessage) => void) {
    switch (message.type) {
      case "hello": {
        if (!host || !verify(host.signKey, helloProof(hostId, nonce, message.join), message.signature))
          faults.push("bad signature");
        hellos.push(message);
        join = Math.max(join, message.join) + 1;
        const acked = Object.fromEntries(message.jobs.map(({ jobId }) => [jobId, jobs.get(jobId)?.length ?? 0]));
        const versions = { scheduleVersion: schedules.version, configVersion: config.version };
        reply({ type: "welcome", join, acked, ...versions, timeMs: Date.now() });
        live = socket;
        if (message.scheduleVersion !== schedules.version) reply(schedules);
        if (message.configVersion !== config.version) reply(config);
        return;
      }
      case "job.events": {
        const known = jobs.get(message.jobId) ?? [];
        jobs.set(message.jobId, known);
        if (message.first > known.length + 1) faults.push(`gap: ${known.length} then ${message.first}`);
        known.push(...message.records.slice(known.length + 1 - message.first));
        if (!relay.silent) reply({ type: "ack", jobId: message.jobId, seq: known.length });
        return;
      }
      case "job.progressed":
        progress.push(message.progress);
        return;
      default:
        messages.push(message);
    }
  }

  const relay: FakeRelay = {
    origin: "",
    hostId,
    hellos,
    messages,
    progress,
    faults,
    silent: false,
    get host() {
      return host;
    },
    records: (jobId) => jobs.get(jobId) ?? [],
    jobIds: () => [...jobs.keys()],
    send(message) {
      live?.send(encodeServerMessage(message));
      return live !== null;
    },
    startJob(spec, jobId = uuidv7(Date.now(), random)) {
      relay.send({ type: "job.start", jobId, spec, notAfterMs: Date.now() + 600_000 });
      return jobId;
    },
    setRepository(repositoryId, address, secret) {
      if (!host) throw new Error("no host has enrolled");
      const version = config.version + 1;
      const sealed = sealToHost(
        host.sealKey,
        sealContext(hostId, repositoryId, version),
        JSON.stringify(secret),
        random,
      );
      config = {
        type: "config.update",
        version,
        repositories: [
          ...config.repositories.filter((one) => one.repositoryId !== repositoryId),
          { repositoryId, address, purpose: "write", sealed, version },
        ],
      };
      relay.send(config);
    },
    setSchedules(entries) {
      schedules = { ...schedules, version: schedules.version + 1, schedules: [...entries] };
      relay.send(schedules);
    },
    sealHooks(scheduleId, hooks) {
      if (!host) throw new Error("no host has enrolled");
      return sealToHost(host.sealKey, hooksContext(hostId, scheduleId), JSON.stringify(hooks), random);
    },
    cut: () => live?.terminate(),
    async online() {
      await waitFor("the agent to be online", () => live !== null);
    },
    async finished(jobId, timeoutMs = 60_000) {
      return waitFor(`job ${jobId} to finish`, () => jobs.get(jobId)?.find((record) => record.type === "finished"), {
        timeoutMs,
      });
    },
    async stop() {
      for (const client of sockets.clients) client.terminate();
      await new Promise<void>((resolve) => http.close(() => resolve()));
    },
  };
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const address = http.address();
  if (address === null || typeof address === "string") throw new Error("no port was given");
  return Object.assign(relay, { origin: `http://127.0.0.1:${address.port}` });
}
