import { randomBytes } from "node:crypto";
import { makeSignPair, sign } from "../../core/secrets/sign.ts";
import type { Enrolled, HostDetail } from "../../protocol/api.ts";
import { AGENT_SUBPROTOCOL } from "../../protocol/limits.ts";
import { helloProof, type AgentMessage, type Hello, type JobRecord } from "../../protocol/wire.ts";
import type { ConsoleApi } from "../../scripts/console-api.ts";
import { enrollBody } from "./enrolling-agent.ts";
import { waitFor } from "./process.ts";
import { open, type WireSocket } from "./wire-socket.ts";

/** A host with keys of its own and no restic: a test says each of its words. */
export interface WireHost {
  readonly hostId: string;
  readonly repositoryId: string;
  readonly scheduleId: string;
  readonly bearer: string;
  readonly secretKey: Uint8Array;
  /** Number of the last welcome, 0 before the first. */
  join: number;
}

export const random = (count: number) => new Uint8Array(randomBytes(count));

/** What an operator sends to prepare a host; `over` breaks it where a test wants to. */
export function enrollmentBody(hostName: string, over: Record<string, unknown> = {}) {
  const repository = { address: "/srv/restic", password: "repository password", createRepository: true };
  return { hostName, repository, paths: ["/srv/data"], ...over };
}

export function fleetTokenBody(name: string) {
  const repository = { address: "/srv/restic/{hostname}", env: {}, createRepository: true };
  const schedule = { name: "by hand", enabled: true, manual: true, paths: ["/srv/data"] };
  return { name, maxUses: 2, repository, schedule };
}

/** What an agent keeps of its own host when it has joined, whichever way. */
export async function joinedHost(
  api: ConsoleApi,
  { hostId, bearer }: Pick<Enrolled, "hostId" | "bearer">,
  secretKey: Uint8Array,
): Promise<WireHost> {
  const host = await api.get<HostDetail>(`/api/hosts/${hostId}`);
  const [repositoryId, scheduleId] = [host.repositories[0]!.id, host.schedules[0]!.id];
  return { hostId, bearer, repositoryId, scheduleId, secretKey, join: 0 };
}

export async function enrolHost(api: ConsoleApi, hostName: string): Promise<WireHost> {
  const { token } = await api.send<{ token: string }>("POST", "/api/enrollment-tokens", enrollmentBody(hostName));
  const signPair = makeSignPair(random);
  const body = enrollBody({ random }, token, {}, signPair);
  return joinedHost(api, await api.send<Enrolled>("POST", "/api/agents/enroll", body), signPair.secretKey);
}

/** A socket that has been challenged and has said nothing yet. */
export async function dialAgent(
  origin: string,
  host: Pick<WireHost, "bearer">,
): Promise<{ socket: WireSocket; nonce: string }> {
  const headers = { authorization: `Bearer ${host.bearer}` };
  const socket = await open(`${origin.replace("http", "ws")}/ws/agent`, [AGENT_SUBPROTOCOL], headers);
  const { nonce } = await socket.message<{ nonce: string }>("challenge");
  return { socket, nonce };
}

/** The hello of a real agent; `over` breaks it where a test wants to. */
export function helloFrame(host: WireHost, nonce: string, over: Record<string, unknown> = {}): string {
  const { join } = host;
  const hello: Hello = {
    type: "hello",
    protocol: 1,
    agentVersion: "0.1.0",
    resticVersion: "0.18.0",
    os: "linux",
    arch: "x64",
    hostname: "wire.example",
    machineFacts: {},
    join,
    signature: sign(host.secretKey, helloProof(host.hostId, nonce, join)),
    scheduleVersion: 1,
    configVersion: 1,
    timeMs: Date.now(),
    jobs: [],
  };
  return JSON.stringify({ ...hello, ...over });
}

export interface LiveAgent {
  readonly socket: WireSocket;
  /** The very frame that was welcomed. */
  readonly hello: string;
  say(message: AgentMessage): void;
  /** Records from seq `first` on; settles when the server has acknowledged them. */
  record(jobId: string, first: number, records: readonly JobRecord[]): Promise<void>;
}

/** Dials, proves itself and waits for the welcome. */
export async function goLive(origin: string, host: WireHost, over: Record<string, unknown> = {}): Promise<LiveAgent> {
  const { socket, nonce } = await dialAgent(origin, host);
  const hello = helloFrame(host, nonce, over);
  socket.send(hello);
  host.join = (await socket.message<{ join: number }>("welcome")).join;
  const say = (message: AgentMessage) => socket.send(JSON.stringify(message));
  say({ type: "joined", join: host.join });
  return {
    socket,
    hello,
    say,
    async record(jobId, first, records) {
      say({ type: "job.events", jobId, first, records: [...records] });
      const last = first + records.length - 1;
      await waitFor(`the ack of record ${last}`, () => {
        if (socket.ended()) throw new Error(`closed ${socket.ended()!.code} before the ack of record ${last}`);
        return socket.frames.some((frame) => isAck(frame, jobId, last));
      });
    },
  };
}

function isAck(frame: string, jobId: string, last: number): boolean {
  if (!frame.startsWith('{"type":"ack"')) return false;
  const ack = JSON.parse(frame) as { jobId: string; seq: number };
  return ack.jobId === jobId && ack.seq >= last;
}
