import type { AgentGrant, BrowserGrant } from "../../core/access/socket-grants.ts";
import type { Fact } from "../../core/relay/facts.ts";
import { makeSignPair, sign, verify } from "../../core/secrets/sign.ts";
import type { RelayOutside } from "../../durable-objects/platform.ts";
import { AGENT_SUBPROTOCOL, BROWSER_SUBPROTOCOL } from "../../protocol/limits.ts";
import type { FleetMessage, JobStreamMessage } from "../../protocol/stream.ts";
import {
  helloProof,
  type AgentMessage,
  type Hello,
  type JobRecord,
  type ServerMessage,
  type WireRepository,
  type WireSchedule,
} from "../../protocol/wire.ts";
import type { HostRelayPort } from "../../worker/bindings.ts";
import type { PendingOutcome } from "../../worker/store/pending-outcome.ts";

/** A client's end of a socket on either platform. */
export interface ClientSocket {
  readonly frames: string[];
  readonly closed: { code: number; reason: string } | null;
  send(frame: string | Uint8Array): void;
  close(): void;
  /** Stops reading, so that what is sent piles up; not every platform can. */
  pause?(): void;
  resume?(): void;
}

export type TestUpgrade =
  | { kind: "agent"; subprotocol: typeof AGENT_SUBPROTOCOL; grant: AgentGrant }
  | { kind: "job"; subprotocol: typeof BROWSER_SUBPROTOCOL; grant: BrowserGrant };

/** One platform with one relay on it. Between any two steps the contract evicts what is in memory. */
export interface RelayWorld {
  readonly relay: HostRelayPort;
  readonly outside: TestOutside;
  open(upgrade: TestUpgrade): Promise<ClientSocket>;
  /** Drops everything in memory; storage and sockets stay. */
  evict(): Promise<void>;
  /** Moves the clock and does what became due. */
  advance(ms: number): Promise<void>;
  /** Every row of the relay's storage, to see that nothing was written. */
  rows(): Promise<string>;
}

/** The rest of the server, played: real databases have suites of their own; here each answer is chosen by the test. */
export class TestOutside implements RelayOutside {
  readonly facts: Fact[] = [];
  readonly published: FleetMessage[] = [];
  readonly logged: { event: string; fields: unknown }[] = [];
  config: { version: number; repositories: WireRepository[] } = { version: 1, repositories: [] };
  schedules: { version: number; schedules: WireSchedule[] } = { version: 1, schedules: [] };
  outcome: PendingOutcome = { type: "expired" };
  readonly outcomesAsked: string[] = [];
  databaseIsDown = false;
  watched = false;
  offsetMs = 0;
  readonly grantKey = new Uint8Array(32).fill(7);
  readonly verify = verify;

  readonly now = () => Date.now() + this.offsetMs;
  readonly random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
  readonly log = {
    info: (event: string, fields: unknown = {}) => void this.logged.push({ event, fields }),
    warn: (event: string, fields: unknown = {}) => void this.logged.push({ event, fields }),
    error: (event: string, fields: unknown = {}) => void this.logged.push({ event, fields }),
  };

  async loadConfig() {
    this.#answer();
    return this.config;
  }
  async loadSchedules() {
    this.#answer();
    return this.schedules;
  }
  async recordFacts(_hostId: string, facts: readonly Fact[]) {
    this.#answer();
    this.facts.push(...facts);
  }
  async pendingOutcome(pendingId: string) {
    this.#answer();
    this.outcomesAsked.push(pendingId);
    return this.outcome;
  }
  async publish(messages: readonly FleetMessage[]) {
    this.published.push(...messages);
    return { watched: this.watched };
  }
  #answer(): void {
    if (this.databaseIsDown) throw new Error("the database is down");
  }
}

/** Waits until `check` answers something; fails with `what` after a time that only a hang reaches. */
export async function until<T>(what: string, check: () => T | Promise<T>): Promise<NonNullable<T>> {
  const end = Date.now() + 4_000;
  for (;;) {
    const value = await check();
    if (value) return value as NonNullable<T>;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** An agent that says only what a test has it say. */
export class TestAgent {
  readonly socket: ClientSocket;
  readonly #world: RelayWorld;
  readonly #hostId: string;
  readonly #secretKey: Uint8Array;
  nonce = "";

  constructor(world: RelayWorld, socket: ClientSocket, hostId: string, secretKey: Uint8Array) {
    this.#world = world;
    this.socket = socket;
    this.#hostId = hostId;
    this.#secretKey = secretKey;
  }

  received(): ServerMessage[] {
    return this.socket.frames
      .filter((frame) => frame.startsWith("{"))
      .map((frame) => JSON.parse(frame) as ServerMessage);
  }

  async hear<T extends ServerMessage["type"]>(
    type: T,
    fits: (message: Extract<ServerMessage, { type: T }>) => boolean = () => true,
  ): Promise<Extract<ServerMessage, { type: T }>> {
    const found = await until(`${type}, after ${this.socket.frames.join("\n").slice(0, 2000)}`, () =>
      this.received().find((message) => message.type === type && fits(message as Extract<ServerMessage, { type: T }>)),
    );
    await this.#world.evict();
    return found as Extract<ServerMessage, { type: T }>;
  }

  async say(message: AgentMessage | string): Promise<void> {
    this.socket.send(typeof message === "string" ? message : JSON.stringify(message));
    await this.#world.evict();
  }

  hello(more: Partial<Hello> = {}): Hello {
    const join = more.join ?? 0;
    return {
      type: "hello",
      protocol: 1,
      agentVersion: "0.1.0",
      resticVersion: "0.18.0",
      os: "linux",
      arch: "x64",
      hostname: "h",
      machineFacts: {},
      join,
      signature: sign(this.#secretKey, helloProof(this.#hostId, this.nonce, join)),
      scheduleVersion: 1,
      configVersion: 1,
      timeMs: this.#world.outside.now(),
      jobs: [],
      ...more,
    };
  }

  /** Says hello and keeps the join number it is given, as an agent does. Answers the welcome. */
  async greet(more: Partial<Hello> = {}): Promise<Extract<ServerMessage, { type: "welcome" }>> {
    await this.say(this.hello(more));
    const welcome = await this.hear("welcome");
    await this.say({ type: "joined", join: welcome.join });
    return welcome;
  }

  async events(jobId: string, first: number, records: JobRecord[], lost?: true): Promise<void> {
    await this.say({ type: "job.events", jobId, first, records, ...(lost ? { lost } : {}) });
  }

  async closedWith(): Promise<number> {
    return (await until("the agent's socket to close", () => this.socket.closed)).code;
  }
}

/** A browser that follows a job and says what it has seen when it is told to. */
export class TestBrowser {
  readonly socket: ClientSocket;
  readonly #world: RelayWorld;
  constructor(world: RelayWorld, socket: ClientSocket) {
    this.#world = world;
    this.socket = socket;
  }

  received(): JobStreamMessage[] {
    return this.socket.frames.map((frame) => JSON.parse(frame) as JobStreamMessage);
  }

  /** Every record sent, by seq; throws at a gap or a repeat. */
  records(after = 0): JobRecord[] {
    const records: JobRecord[] = [];
    for (const message of this.received()) {
      if (message.type !== "records") continue;
      if (message.first !== after + records.length + 1)
        throw new Error(`a gap or a repeat: ${message.first} after ${after + records.length}`);
      records.push(...message.records);
    }
    return records;
  }

  lastState() {
    return this.received().findLast((message) => message.type === "state");
  }

  async say(message: unknown): Promise<void> {
    this.socket.send(JSON.stringify(message));
    await this.#world.evict();
  }
}

/** A fresh host with its key, so that tests sharing one storage do not meet. */
export function newHost() {
  const pair = makeSignPair((count) => crypto.getRandomValues(new Uint8Array(count)));
  return { hostId: testUuid(), ...pair };
}

/** A uuid of no version in particular. */
export function testUuid(): string {
  return crypto.randomUUID();
}

export type TestHost = ReturnType<typeof newHost>;

/** An agent's socket that has been challenged. */
export async function connectAgent(
  world: RelayWorld,
  host: TestHost,
  more: Partial<AgentGrant> = {},
): Promise<TestAgent> {
  const socket = await world.open({
    kind: "agent",
    subprotocol: AGENT_SUBPROTOCOL,
    grant: {
      hostId: host.hostId,
      signKey: host.publicKey,
      address: "192.0.2.1",
      configVersion: 1,
      scheduleVersion: 1,
      sweepMs: 90_000,
      ...more,
    },
  });
  const agent = new TestAgent(world, socket, host.hostId, host.secretKey);
  agent.nonce = (await agent.hear("challenge")).nonce;
  return agent;
}

export async function connectBrowser(
  world: RelayWorld,
  jobId: string,
  more: Partial<BrowserGrant> = {},
): Promise<TestBrowser> {
  const socket = await world.open({
    kind: "job",
    subprotocol: BROWSER_SUBPROTOCOL,
    grant: {
      userId: testUuid(),
      sessionHash: "session",
      grantUntilMs: world.outside.now() + 60_000,
      jobId,
      afterSeq: 0,
      ...more,
    },
  });
  await world.evict();
  return new TestBrowser(world, socket);
}
