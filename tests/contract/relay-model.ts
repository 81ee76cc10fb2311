import Database from "better-sqlite3";
import { createHash } from "node:crypto";
import type { Fact, JobFact } from "../../core/relay/facts.ts";
import type { QueuedJob } from "../../core/relay/queued-job.ts";
import { signGrant } from "../../core/secrets/tokens.ts";
import { HostRelay } from "../../durable-objects/host-relay.ts";
import { JobLog, recordTexts } from "../../durable-objects/job-log.ts";
import type { RelayOutside, RelayPlatform, RelaySocket, SqlValue, TurnMember } from "../../durable-objects/platform.ts";
import { RELAY_TABLES } from "../../durable-objects/relay-tables.ts";
import { ACK_STALL_MS, PING_AFTER_MS } from "../../protocol/limits.ts";
import { TERMINAL_STATES, type JobState, type JobStreamMessage } from "../../protocol/stream.ts";
import {
  helloProof,
  parseServerFrame,
  type AgentMessage,
  type HelloJob,
  type JobRecord,
  type Refused,
  type ServerMessage,
  type WireRepository,
  type WireSchedule,
} from "../../protocol/wire.ts";

/**
 * A host and its relay with everything between them in the test's hands: the real shell and step on SQLite in memory,
 * a model agent with a disk, a network that loses, delays and repeats, a database that is slow or down, and deaths
 * between any two effects of a turn. One seed is one history.
 */
export const HOST_ID = "00000000-0000-4000-8000-00000000000a";
const START_MS = 1_700_000_000_000;
/** An eviction may have swallowed the welcome while the socket lives on: the agent dials anew. */
const WELCOME_WITHIN_MS = 30_000;
const GRANT_KEY = new Uint8Array(32);

/** mulberry32: small, and the same everywhere. */
export class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = seed | 0;
  }
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }
  below(n: number): number {
    return Math.floor(this.next() * n);
  }
  chance(p: number): boolean {
    return this.next() < p;
  }
  pick<T>(items: readonly T[]): T | undefined {
    return items[this.below(items.length)];
  }
}

/** The process or object died at this point; nothing after it happened. */
class Died extends Error {}

class SimSocket implements RelaySocket {
  toServer: string[] = [];
  toClient: string[] = [];
  tags: readonly string[] = [];
  serverSide: "open" | "closing" | "gone" = "open";
  closedWith: number | null = null;
  answeredAtMs = 0;
  #attachment: string = "null";
  platform: SimPlatform;
  constructor(platform: SimPlatform) {
    this.platform = platform;
  }
  get readyState(): number {
    return this.serverSide === "open" ? 1 : 3;
  }
  send(frame: string): void {
    this.platform.effect(() => this.toClient.push(frame));
  }
  close(code: number): void {
    if (this.serverSide !== "open") return;
    this.platform.effect(() => {
      this.closedWith = code;
    });
    this.serverSide = "closing";
  }
  serializeAttachment(value: unknown): void {
    this.platform.mayDie();
    this.#attachment = JSON.stringify(value);
  }
  deserializeAttachment(): unknown {
    return JSON.parse(this.#attachment);
  }
}

/** One life of the process: dies, and leaves the storage and perhaps the sockets. */
class SimPlatform implements RelayPlatform {
  readonly #world: RelayModel;
  dead = false;
  /** Dies at this many effects from now. */
  diesIn = Number.POSITIVE_INFINITY;
  #members: TurnMember[] = [];
  #held: (() => void)[] = [];
  #open = false;
  readonly storage: RelayPlatform["storage"];
  readonly joinTurn?: (member: TurnMember) => void;

  constructor(world: RelayModel) {
    this.#world = world;
    if (world.sharesTurns) this.joinTurn = (member) => void this.#members.push(member);
    this.storage = {
      sql: { exec: (query, ...bindings) => this.#exec(query, bindings) },
      transactionSync: (work) => {
        this.mayDie();
        if (world.sharesTurns) return work();
        world.db.exec("BEGIN");
        try {
          const value = work();
          world.db.exec("COMMIT");
          return value;
        } catch (error) {
          if (world.db.inTransaction) world.db.exec("ROLLBACK");
          throw error;
        }
      },
      setAlarm: (atMs) => {
        this.mayDie();
        world.alarmAtMs = atMs;
      },
      deleteAlarm: () => {
        world.alarmAtMs = null;
      },
      sync: () => {
        this.endTurn();
        return Promise.resolve();
      },
    };
  }

  mayDie(): void {
    if (this.dead) throw new Died();
    if (--this.diesIn <= 0) {
      this.dead = true;
      throw new Died();
    }
  }

  /** What leaves the machine: held until the turn is kept. */
  effect(run: () => void): void {
    this.mayDie();
    if (this.#world.sharesTurns) this.#held.push(run);
    else run();
  }

  /** The end of the event loop's turn: one commit, then what was held back. */
  endTurn(): void {
    if (this.dead) return;
    const members = this.#members;
    this.#members = [];
    try {
      for (const member of members) member.endTurn();
      this.mayDie();
      if (this.#open) this.#world.db.exec("COMMIT");
      this.#open = false;
      for (const run of this.#held.splice(0)) {
        this.mayDie();
        run();
      }
    } catch (error) {
      if (!(error instanceof Died)) throw error;
    }
  }

  /** What was not committed is gone. */
  buryUncommitted(): void {
    this.dead = true;
    if (this.#world.db.inTransaction) this.#world.db.exec("ROLLBACK");
  }

  #exec(query: string, bindings: SqlValue[]) {
    if (this.dead) throw new Died();
    const statement = this.#world.prepare(query);
    if (this.#world.sharesTurns && !statement.readonly && !this.#open) {
      this.#world.db.exec("BEGIN");
      this.#open = true;
    }
    const values = bindings.map((value) => (value instanceof ArrayBuffer ? Buffer.from(value) : value));
    const rows = statement.reader ? (statement.all(...values) as Record<string, SqlValue>[]) : [];
    if (!statement.reader) statement.run(...values);
    return { toArray: () => rows };
  }

  acceptWebSocket(socket: RelaySocket, tags: string[] = []): void {
    (socket as SimSocket).tags = tags;
    this.#world.sockets.push(socket as SimSocket);
  }
  getWebSockets(tag?: string): RelaySocket[] {
    return this.#world.sockets.filter(
      (socket) => socket.serverSide !== "gone" && (tag === undefined || socket.tags.includes(tag)),
    );
  }
  getTags(socket: RelaySocket): string[] {
    return [...(socket as SimSocket).tags];
  }
  getWebSocketAutoResponseTimestamp(socket: RelaySocket): Date | null {
    const { answeredAtMs } = socket as SimSocket;
    return answeredAtMs === 0 ? null : new Date(answeredAtMs);
  }
  waitUntil(promise: Promise<unknown>): void {
    // `settle` gives it the time; that it ended with its process is no error.
    promise.catch((error: unknown) => {
      if (!(error instanceof Died)) throw error;
    });
  }
}

interface AgentJob {
  records: JobRecord[];
  /** Dropped from the spool up to here: acknowledged. */
  dropped: number;
  state: HelloJob["state"];
  /** The server may know of it: it asked for it, or a record may have left. A hello lists these alone. */
  listed: boolean;
}
/** Of its own jobs the agent lets so many begin to leave at a time, so that a hello always fits. */
const LISTED_AT_MOST = 3;

/** What the agent keeps on disk survives its death; the rest does not. */
class ModelAgent {
  readonly #world: RelayModel;
  readonly disk = {
    join: 0,
    config: 0,
    schedule: 0,
    schedules: [] as string[],
    refused: [] as Refused[],
    jobs: new Map<string, AgentJob>(),
    tombstones: new Set<string>(),
  };
  /** Every record ever kept, by job: what the relay's log must be a prefix of. */
  readonly history = new Map<string, JobRecord[]>();
  readonly started = new Set<string>();
  socket: SimSocket | null = null;
  #live = false;
  #dialledAtMs = 0;
  #sent = new Map<string, number>();
  #ackedAtMs = 0;
  #fires = 0;
  #measured = 0;
  /** Parts of a set of schedules that has not come whole; gone with the socket or the process. */
  #coming: { version: number; parts: number; ids: string[] } | null = null;

  constructor(world: RelayModel) {
    this.#world = world;
  }

  dial(): void {
    const platform = this.#world.platform;
    const socket = new SimSocket(platform);
    this.forgetSocket();
    this.socket = socket;
    this.#dialledAtMs = this.#world.nowMs;
    this.#world.run(() =>
      this.#world.relay.acceptAgent(socket, {
        hostId: HOST_ID,
        signKey: "k",
        address: "",
        configVersion: this.#world.configVersion,
        scheduleVersion: this.#world.scheduleVersion,
        sweepMs: 90_000,
      }),
    );
    if (!this.#world.isAccepted(socket)) this.forgetSocket();
  }

  forgetSocket(): void {
    this.socket = null;
    this.#live = false;
    this.#sent = new Map();
    this.#coming = null;
  }

  /** kill -9 and a start: what ran is interrupted, nothing is spawned again. */
  die(): void {
    this.forgetSocket();
    for (const [jobId, job] of this.disk.jobs) if (job.state === "running") this.#finish(jobId, job, "failed");
  }

  /** A schedule of the host fires, connected or not. */
  fire(): void {
    this.#fires += 1;
    this.#accept(`00000000-0000-8000-8000-${String(this.#fires).padStart(12, "0")}`, "schedule");
  }

  /** Some job goes on by one step; the record is on disk before anything is sent. */
  work(): void {
    const { dice, nowMs } = this.#world;
    const entry = dice.pick([...this.disk.jobs].filter(([, job]) => job.state !== "finished"));
    if (!entry) return;
    const [jobId, job] = entry;
    if (job.state === "queued") {
      this.#keep(jobId, job, { type: "started", atMs: nowMs });
      this.started.add(jobId);
      job.state = "running";
    } else if (dice.chance(0.1)) {
      this.#measured += 1;
      this.#keep(jobId, job, { type: "measured", atMs: nowMs, repositoryId: HOST_ID, storedBytes: this.#measured });
    } else if (dice.chance(0.25)) this.#finish(jobId, job, dice.chance(0.7) ? "succeeded" : "failed");
    else
      for (let i = dice.below(4); i >= 0; i--)
        this.#keep(jobId, job, { type: "logged", atMs: nowMs, stream: "restic", text: `line ${dice.below(1e6)}` });
  }

  /** Sends some of what is kept and not sent; now and then what was sent already. */
  send(): void {
    const { dice, nowMs } = this.#world;
    if (!this.#live || !this.socket) return;
    if (dice.chance(0.05)) this.#sent = new Map();
    for (const [jobId, job] of this.disk.jobs) {
      const from = Math.max(this.#sent.get(jobId) ?? 0, job.dropped);
      const records = job.records.slice(from, from + 1 + dice.below(6));
      if (records.length === 0) continue;
      if (!job.listed && !this.#hasRoom()) continue;
      // On disk before the first record leaves.
      job.listed = true;
      if (!this.#isOwed()) this.#ackedAtMs = nowMs;
      this.#say({ type: "job.events", jobId, first: from + 1, records });
      this.#sent.set(jobId, from + records.length);
    }
  }

  /** Beats, and gives up a socket on which no welcome comes or no acknowledgement moves. */
  beat(): void {
    const { socket } = this;
    if (!socket) return;
    if (socket.closedWith !== null) this.forgetSocket();
    else if (!this.#live && this.#world.nowMs - this.#dialledAtMs > WELCOME_WITHIN_MS) this.#world.cut(socket);
    else if (this.#live && this.#isOwed() && this.#world.nowMs - this.#ackedAtMs > ACK_STALL_MS) {
      this.#world.cut(socket);
    } else socket.answeredAtMs = this.#world.nowMs - this.#world.dice.below(PING_AFTER_MS / 2);
  }

  #isOwed(): boolean {
    return [...this.disk.jobs].some(([jobId, job]) => (this.#sent.get(jobId) ?? 0) > job.dropped);
  }

  #hasRoom(): boolean {
    return [...this.disk.jobs.values()].filter((job) => job.listed).length < LISTED_AT_MOST;
  }

  hear(frame: string): void {
    const parsed = parseServerFrame(frame);
    if (parsed.kind !== "message") throw new Error(`the agent cannot read ${frame}: ${JSON.stringify(parsed)}`);
    this.#take(parsed.message);
  }

  #take(message: ServerMessage): void {
    const { nowMs } = this.#world;
    switch (message.type) {
      case "challenge":
        this.#say({
          type: "hello",
          protocol: 1,
          agentVersion: "1",
          resticVersion: "",
          os: "linux",
          arch: "x64",
          hostname: "h",
          machineFacts: {},
          join: this.disk.join,
          signature: signatureOf(helloProof(HOST_ID, message.nonce, this.disk.join)),
          scheduleVersion: this.disk.schedule,
          configVersion: this.disk.config,
          timeMs: nowMs,
          jobs: [...this.disk.jobs]
            .filter(([, job]) => job.listed)
            .map(([jobId, job]) => ({
              jobId,
              state: job.state,
              tail: job.records.length,
              floor: job.dropped + 1,
            })),
        });
        return;
      case "welcome":
        this.disk.join = message.join;
        this.#live = true;
        this.#ackedAtMs = nowMs;
        this.#say({ type: "joined", join: message.join });
        for (const [jobId, seq] of Object.entries(message.acked)) this.#drop(jobId, seq);
        return;
      case "ack":
        this.#drop(message.jobId, message.seq);
        return;
      case "job.start":
        if (this.disk.jobs.has(message.jobId) || this.disk.tombstones.has(message.jobId)) return;
        if (this.disk.config < this.#world.configAtEnqueue.get(message.jobId)!)
          throw new Error("a job came before the credentials it needs");
        if (message.spec.kind === "prune" && message.lent?.jobId !== message.jobId)
          throw new Error("a prune came without the credential it is lent");
        if (message.spec.kind !== "prune" && message.lent) throw new Error("a job is lent what it needs not");
        this.#accept(message.jobId, "asked");
        if (message.notAfterMs < nowMs) this.#finish(message.jobId, this.disk.jobs.get(message.jobId)!, "failed");
        return;
      case "job.cancel": {
        if (this.disk.tombstones.has(message.jobId)) return;
        if (!this.disk.jobs.has(message.jobId)) this.#accept(message.jobId, "asked");
        const job = this.disk.jobs.get(message.jobId)!;
        if (job.state !== "finished") this.#finish(message.jobId, job, "cancelled");
        return;
      }
      case "config.update":
        this.disk.config = Math.max(this.disk.config, message.version);
        this.#say({ type: "config.applied", version: this.disk.config, refused: [] });
        return;
      case "schedule.set":
        this.#takeSchedules(message);
        return;
      case "request":
        return;
    }
  }

  /** Whole sets only; a gap or another version drops what was collected. */
  #takeSchedules({ version, part, last, schedules }: Extract<ServerMessage, { type: "schedule.set" }>): void {
    if (version < this.disk.schedule) return;
    if (part === 0) this.#coming = { version, parts: 0, ids: [] };
    if (this.#coming?.version !== version || this.#coming.parts !== part) {
      this.#coming = null;
      return;
    }
    this.#coming.parts += 1;
    this.#coming.ids.push(...schedules.map(({ id }) => id));
    if (!last) return;
    this.disk.schedule = version;
    this.disk.schedules = this.#coming.ids;
    this.#coming = null;
    this.disk.refused = refusedOf(version).map((id) => ({ id, code: "schedule.invalid" }));
    this.#say({ type: "schedule.applied", version, refused: this.disk.refused });
  }

  #say(message: AgentMessage): void {
    this.socket?.toServer.push(JSON.stringify(message));
  }

  #accept(jobId: string, source: "asked" | "schedule"): void {
    const listed = source === "asked" || (this.#live && this.#hasRoom());
    const job: AgentJob = { records: [], dropped: 0, state: "queued", listed };
    this.disk.jobs.set(jobId, job);
    this.#keep(jobId, job, { type: "accepted", atMs: this.#world.nowMs, kind: "snapshots", source });
  }

  #finish(jobId: string, job: AgentJob, outcome: "succeeded" | "failed" | "cancelled"): void {
    this.#keep(jobId, job, { type: "finished", atMs: this.#world.nowMs, outcome });
    job.state = "finished";
  }

  #keep(jobId: string, job: AgentJob, record: JobRecord): void {
    job.records.push(record);
    const all = this.history.get(jobId) ?? [];
    all.push(record);
    this.history.set(jobId, all);
  }

  #drop(jobId: string, seq: number): void {
    const job = this.disk.jobs.get(jobId);
    if (!job || seq <= job.dropped) return;
    job.dropped = seq;
    this.#ackedAtMs = this.#world.nowMs;
    if (job.state === "finished" && seq >= job.records.length) {
      this.disk.jobs.delete(jobId);
      this.disk.tombstones.add(jobId);
    }
  }
}

/** A browser that follows one job over any number of connections. */
class ModelBrowser {
  readonly #world: RelayModel;
  readonly jobId: string;
  readonly records: JobRecord[] = [];
  state: JobState | null = null;
  socket: SimSocket | null = null;

  constructor(world: RelayModel, jobId: string) {
    this.#world = world;
    this.jobId = jobId;
  }

  dial(): void {
    const socket = new SimSocket(this.#world.platform);
    this.socket = socket;
    this.#world.run(() =>
      this.#world.relay.acceptBrowser(socket, {
        userId: HOST_ID,
        sessionHash: "s",
        grantUntilMs: Number.MAX_SAFE_INTEGER,
        jobId: this.jobId,
        afterSeq: this.records.length,
      }),
    );
    if (!this.#world.isAccepted(socket)) this.socket = null;
  }

  /** The page renews its grant as long as it is open. */
  renew(): void {
    const grant = { userId: HOST_ID, sessionHash: "s", role: "viewer", expiresAtMs: Number.MAX_SAFE_INTEGER } as const;
    this.socket?.toServer.push(JSON.stringify({ type: "renew", grant: signGrant(GRANT_KEY, grant) }));
  }

  hear(frame: string): void {
    const message = JSON.parse(frame) as JobStreamMessage;
    if (message.type === "state") this.state = message.state;
    if (message.type === "trimmed") throw new Error("a browser was told of a trimmed log");
    if (message.type !== "records") return;
    if (message.first > this.records.length + 1)
      throw new Error(`a browser got ${message.first} after ${this.records.length}`);
    // A death between send and attach repeats a frame: it is known by its seq.
    this.records.push(...message.records.slice(this.records.length + 1 - message.first));
    this.socket?.toServer.push(JSON.stringify({ type: "seen", seq: this.records.length }));
  }
}

export class RelayModel implements Pick<RelayOutside, "recordFacts"> {
  readonly db = new Database(":memory:");
  readonly #statements = new Map<string, Database.Statement>();
  readonly dice: Dice;
  readonly sharesTurns: boolean;
  nowMs = START_MS;
  alarmAtMs: number | null = null;
  sockets: SimSocket[] = [];
  platform!: SimPlatform;
  relay!: HostRelay;
  readonly agent: ModelAgent;
  readonly browsers: ModelBrowser[] = [];
  configVersion = 0;
  #toldConfig = 0;
  scheduleVersion = 0;
  readonly configAtEnqueue = new Map<string, number>();
  readonly asked = new Set<string>();
  readonly cancelled = new Set<string>();
  /** The database's job rows, written by the guarded upsert. */
  readonly rows = new Map<string, JobFact>();
  #presence = { no: 0, online: false };
  /** What the database knows of the host's schedules, ordered with its presence. */
  #applied: { version: number; refused: readonly Refused[] } = { version: 0, refused: [] };
  readonly #measured = new Set<number>();
  #late: (() => void)[] = [];
  databaseIsDown = false;
  readonly #ended = new Map<string, string>();

  constructor(seed: number) {
    this.dice = new Dice(seed);
    this.sharesTurns = this.dice.chance(0.5);
    for (const table of RELAY_TABLES) this.db.exec(table);
    this.agent = new ModelAgent(this);
    this.begin();
  }

  prepare(query: string): Database.Statement {
    const known = this.#statements.get(query) ?? this.db.prepare(query);
    this.#statements.set(query, known);
    return known;
  }

  /** A new life on the same storage. */
  begin(): void {
    this.platform = new SimPlatform(this);
    for (const socket of this.sockets) socket.platform = this.platform;
    this.relay = new HostRelay(this.platform, this.#outside(), HOST_ID);
  }

  #outside(): RelayOutside {
    const quiet = () => {};
    return {
      loadConfig: async () => {
        if (this.databaseIsDown) throw new Error("down");
        return { version: this.configVersion, repositories: [] };
      },
      loadSchedules: async () => {
        if (this.databaseIsDown) throw new Error("down");
        return { version: this.scheduleVersion, schedules: schedulesOf(this.scheduleVersion) };
      },
      pendingOutcome: async () => ({ type: "expired" as const }),
      recordFacts: (hostId, facts) => this.recordFacts(hostId, facts),
      publish: async () => ({ watched: false }),
      verify: (_key, message, signature) => signature === signatureOf(message),
      grantKey: GRANT_KEY,
      now: () => this.nowMs,
      random: (count) => Uint8Array.from({ length: count }, () => this.dice.below(256)),
      log: {
        info: quiet,
        warn: quiet,
        error: (event, fields) => {
          if (!(fields?.["error"] instanceof Died) && this.db.open)
            throw new Error(event, { cause: fields?.["error"] });
        },
      },
    };
  }

  /** Writes now, never, later, or now with the answer lost. */
  recordFacts(_hostId: string, facts: readonly Fact[]): Promise<void> {
    if (this.databaseIsDown) return Promise.reject(new Error("down"));
    if (this.dice.chance(0.1)) {
      this.#write(facts);
      return Promise.reject(new Error("answer lost"));
    }
    if (this.dice.chance(0.1))
      return new Promise((resolve) => {
        this.#late.push(() => {
          this.#write(facts);
          resolve();
        });
      });
    this.#write(facts);
    return Promise.resolve();
  }

  #write(facts: readonly Fact[]): void {
    for (const fact of facts) {
      if (fact.fact === "locked" || fact.fact === "claims") throw new Error("a lock without a clone");
      if (fact.fact === "measured") this.#measured.add(fact.measurement.storedBytes!);
      if ((fact.fact === "presence" || fact.fact === "applied") && fact.no > this.#presence.no) {
        const version = fact.fact === "presence" ? fact.about?.scheduleVersion : fact.version;
        const told = fact.fact === "presence" ? null : fact.refused;
        this.#presence = { no: fact.no, online: fact.fact === "presence" ? fact.online : this.#presence.online };
        if (version !== undefined && (fact.fact === "presence" || fact.what === "schedule")) {
          const kept = version === this.#applied.version ? this.#applied.refused : [];
          this.#applied = { version, refused: told ?? kept };
        }
      }
      if (fact.fact !== "job") continue;
      const row = this.rows.get(fact.jobId);
      if (row && row.factNo === fact.factNo && row.state !== fact.state)
        throw new Error(`fact ${fact.factNo} of ${fact.jobId} says ${row.state} and ${fact.state}`);
      if (row && fact.factNo <= row.factNo) continue;
      if (row && TERMINAL_STATES.has(row.state)) throw new Error(`a row changed after its end: ${fact.jobId}`);
      if (fact.failure?.code === "job.lost") throw new Error("a job was lost without a clone");
      this.rows.set(fact.jobId, fact);
    }
  }

  landLateWrite(): void {
    this.#late.shift()?.();
  }

  /** Runs one event of the relay; a death in it is the end of that life. */
  run(event: () => void): void {
    try {
      event();
      if (!this.sharesTurns || this.dice.chance(0.6)) this.platform.endTurn();
    } catch (error) {
      if (!(error instanceof Died)) throw error;
    }
    if (this.platform.dead) this.#bury(this.dice.chance(0.5));
  }

  /** A death while it was being accepted answers the upgrade with an error: there is no socket. */
  isAccepted(socket: SimSocket): boolean {
    if (!this.sharesTurns && socket.deserializeAttachment() === null)
      this.sockets = this.sockets.filter((other) => other !== socket);
    return this.sockets.includes(socket);
  }

  async ask<T>(request: () => Promise<T>): Promise<T | null> {
    try {
      const answer = request();
      this.platform.endTurn();
      return await answer;
    } catch (error) {
      if (!(error instanceof Died)) throw error;
      return null;
    } finally {
      if (this.platform.dead) this.#bury(this.dice.chance(0.5));
    }
  }

  /** The relay's memory goes; with the process its sockets go too. */
  #bury(socketsToo: boolean): void {
    this.platform.buryUncommitted();
    if (socketsToo || this.sharesTurns)
      for (const socket of this.sockets) {
        socket.serverSide = "gone";
        this.#clientLoses(socket);
      }
    this.sockets = this.sockets.filter((socket) => socket.serverSide !== "gone");
    this.begin();
    // A start of the process, or the next event, finds what is due.
    this.alarmAtMs = Math.min(this.alarmAtMs ?? Number.POSITIVE_INFINITY, this.nowMs + 1_000);
  }

  evict(): void {
    this.platform.endTurn();
    if (!this.platform.dead) this.#bury(false);
  }
  crash(): void {
    this.#bury(true);
  }

  cut(socket: SimSocket): void {
    socket.toServer = [];
    this.#clientLoses(socket);
    this.#serverSees(socket);
  }

  #clientLoses(socket: SimSocket): void {
    socket.closedWith ??= 1006;
    if (this.agent.socket === socket) this.agent.forgetSocket();
    for (const browser of this.browsers) if (browser.socket === socket) browser.socket = null;
  }

  #serverSees(socket: SimSocket): void {
    if (socket.serverSide === "gone") return;
    socket.serverSide = "gone";
    this.sockets = this.sockets.filter((other) => other !== socket);
    this.run(() => this.relay.webSocketClose(socket));
  }

  /** One frame arrives at the relay. */
  deliverToServer(socket: SimSocket): void {
    const frame = socket.toServer.shift();
    if (frame !== undefined && socket.serverSide === "open") this.run(() => this.relay.webSocketMessage(socket, frame));
  }

  /** One frame arrives at whoever still reads this socket, or the close does. */
  deliverToClient(socket: SimSocket): void {
    const frame = socket.toClient.shift();
    const browser = this.browsers.find((each) => each.socket === socket);
    if (frame !== undefined) {
      if (socket === this.agent.socket) this.agent.hear(frame);
      else browser?.hear(frame);
    } else if (socket.closedWith !== null) {
      this.#clientLoses(socket);
      this.#serverSees(socket);
    }
  }

  async advance(ms: number): Promise<void> {
    this.nowMs += ms;
    this.agent.beat();
    if (this.alarmAtMs !== null && this.alarmAtMs <= this.nowMs) {
      this.alarmAtMs = null;
      this.run(() => this.relay.alarm());
    }
    await this.settle();
  }

  async settle(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.platform.endTurn();
    if (this.platform.dead) this.#bury(this.dice.chance(0.5));
  }

  /** The route tells the relay once; when that fails, the next hello or the next change brings the version. */
  async tellConfigChanged(): Promise<void> {
    const version = this.configVersion;
    const told = await this.ask(async () => {
      await this.relay.configChanged();
      return true;
    });
    if (told) this.#toldConfig = version;
  }

  async tellSchedulesChanged(): Promise<void> {
    await this.ask(() => this.relay.scheduleChanged());
  }

  async enqueue(): Promise<void> {
    const jobId = `00000000-0000-7000-8000-${String(this.asked.size + 1).padStart(12, "0")}`;
    this.configAtEnqueue.set(jobId, this.#toldConfig);
    this.asked.add(jobId);
    await this.offer(jobId);
  }

  /** The route, and after it the sweeper, offers a job that has no fact yet. */
  async offer(jobId: string): Promise<void> {
    const answer = await this.ask(() =>
      this.relay.enqueue({
        jobId,
        ...this.#workOf(jobId),
        notAfterMs: this.nowMs + 600_000,
        createdAtMs: this.nowMs,
        cancelAsked: this.cancelled.has(jobId),
      }),
    );
    if (answer && !answer.ok) this.asked.delete(jobId);
  }

  /** Every third job is a prune, and is lent a credential. */
  #workOf(jobId: string): Pick<QueuedJob, "spec" | "lent"> {
    if (Number(jobId.slice(-12)) % 3 !== 0) return { spec: { kind: "snapshots", repositoryId: HOST_ID } };
    const envelope = {
      v: 1,
      recipient: "host",
      ephemeral: "e".repeat(43),
      nonce: "n".repeat(32),
      ct: LENT_SECRET,
    } as const;
    const lent: WireRepository = {
      repositoryId: HOST_ID,
      address: "/srv/restic",
      purpose: "admin",
      sealed: envelope,
      version: 1,
      jobId,
      notAfterMs: this.nowMs + 600_000,
    };
    return { spec: { kind: "prune", repositoryId: HOST_ID, limits: {} }, lent };
  }

  // ---- invariants -------------------------------------------------------------------------------------------------

  /** What is committed of a job's log. */
  stored(jobId: string): string[] {
    const log = new JobLog(
      {
        sql: {
          exec: (query: string, ...values: SqlValue[]) => {
            const rows = this.prepare(query).all(...values) as Record<string, SqlValue>[];
            return { toArray: () => rows };
          },
        },
      } as RelayPlatform["storage"],
      HOST_ID,
    );
    const texts: string[] = [];
    for (let chunk = log.next(jobId, 0); chunk; chunk = log.next(jobId, chunk.last)) {
      if (chunk.first !== texts.length + 1) throw new Error(`a hole or a repeat in the log at ${chunk.first}`);
      texts.push(...recordTexts(chunk));
    }
    return texts;
  }

  /** Invariants 1, 2, 5 and 6, on what is committed. */
  check(): void {
    if (this.db.inTransaction) return;
    for (const [jobId, history] of this.agent.history) {
      const stored = this.stored(jobId);
      const kept = history.slice(0, stored.length).map((record) => JSON.stringify(record));
      if (stored.join("\n") !== kept.join("\n")) throw new Error(`the log of ${jobId} is not what the agent kept`);
      const onDisk = this.agent.disk.jobs.get(jobId);
      const dropped = onDisk ? onDisk.dropped : history.length;
      if (stored.length < dropped) throw new Error(`the agent dropped ${dropped}, the relay has ${stored.length}`);
    }
    for (const row of this.prepare("SELECT job_id, body FROM relay_ended").all() as {
      job_id: string;
      body: string;
    }[]) {
      const job = JSON.parse(row.body) as { state: string; finishedAtMs: number | null };
      if (row.body.includes(LENT_SECRET)) throw new Error(`${row.job_id} has ended and keeps what it was lent`);
      const before = this.#ended.get(row.job_id);
      if (before !== undefined && before !== job.state) throw new Error(`${row.job_id} ended twice`);
      this.#ended.set(row.job_id, job.state);
      const running = this.agent.disk.jobs.get(row.job_id)?.state === "running";
      const settledHere = job.finishedAtMs === null;
      if (settledHere && (running || this.agent.started.has(row.job_id)))
        throw new Error(`${row.job_id} was settled by the server and runs on the host`);
    }
  }

  /** All faults end; then everything that was begun must end, and all must agree. */
  async heal(): Promise<void> {
    this.databaseIsDown = false;
    this.platform.diesIn = Number.POSITIVE_INFINITY;
    await this.tellConfigChanged();
    await this.tellSchedulesChanged();
    for (let i = 0; i < 400; i++) {
      this.platform.diesIn = Number.POSITIVE_INFINITY;
      this.landLateWrite();
      if (!this.agent.socket) this.agent.dial();
      for (const browser of this.browsers) if (!browser.socket) browser.dial();
      for (const socket of this.sockets.slice()) {
        for (let n = socket.toServer.length; n > 0; n--) this.deliverToServer(socket);
        for (let n = socket.toClient.length; n >= 0; n--) this.deliverToClient(socket);
      }
      this.agent.work();
      this.agent.send();
      if (i % 10 === 9) {
        for (const browser of this.browsers) browser.renew();
        for (const jobId of [...this.asked].filter((each) => !this.rows.has(each))) await this.offer(jobId);
      }
      await this.advance(i % 10 === 9 ? 31_000 : 500);
      if (i > 200 && i % 20 === 0 && this.#disagreement() === null) break;
    }
    const problem = this.#disagreement();
    if (problem) throw new Error(problem);
    this.check();
  }

  #disagreement(): string | null {
    for (const jobId of this.asked)
      if (!TERMINAL_STATES.has(this.rows.get(jobId)?.state ?? "queued"))
        return `${jobId} was asked for and is ${this.rows.get(jobId)?.state ?? "without a row"}`;
    for (const [jobId, history] of this.agent.history) {
      const end = history.findLast((record) => record.type === "finished");
      const row = this.rows.get(jobId);
      if (!end || !row) return `${jobId} has no end`;
      if (row.finishedAtMs !== null && row.state !== end.outcome) return `${jobId}: ${row.state}, not ${end.outcome}`;
      if (row.state !== this.#ended.get(jobId) && this.#ended.has(jobId)) return `${jobId}: the database disagrees`;
      if (this.stored(jobId).length !== history.length) return `${jobId}: the log is not whole`;
    }
    for (const jobId of this.cancelled)
      if (this.asked.has(jobId) && !this.rows.has(jobId)) return `${jobId}: the cancel had no end`;
    if (this.agent.disk.jobs.size > 0) return "the agent still has a spool";
    if (!this.#presence.online) return "the host is shown offline";
    if (this.agent.disk.config !== this.configVersion) return "the credentials were not applied";
    const { schedule, schedules, refused } = this.agent.disk;
    if (schedule !== this.scheduleVersion) return "the schedules were not applied";
    if (schedules.join() !== (schedule === 0 ? [] : schedulesOf(schedule)).map(({ id }) => id).join())
      return "the agent has other schedules than the database";
    if (JSON.stringify(this.#applied) !== JSON.stringify({ version: schedule, refused }))
      return `the database knows ${JSON.stringify(this.#applied)}, the agent refused ${JSON.stringify(refused)}`;
    for (const record of [...this.agent.history.values()].flat())
      if (record.type === "measured" && !this.#measured.has(record.storedBytes!)) return "a measurement was lost";
    for (const browser of this.browsers) {
      const history = this.agent.history.get(browser.jobId) ?? [];
      if (browser.records.length !== history.length)
        return `a browser has ${browser.records.length} of ${history.length}`;
    }
    const open = this.prepare("SELECT count(*) AS n FROM relay_jobs").get() as { n: number };
    const owed = this.prepare("SELECT count(*) AS n FROM relay_facts").get() as { n: number };
    return open.n + owed.n > 0 ? "the relay still holds jobs or facts" : null;
  }

  /** One random thing happens. */
  async step(): Promise<void> {
    const { dice } = this;
    if (dice.chance(0.02)) this.platform.diesIn = 1 + dice.below(12);
    const socket = dice.pick(this.sockets);
    const roll = dice.next();
    if (roll < 0.28) {
      if (socket) this.deliverToServer(socket);
    } else if (roll < 0.56) {
      if (socket) this.deliverToClient(socket);
    } else if (roll < 0.66) this.agent.work();
    else if (roll < 0.76) this.agent.send();
    else if (roll < 0.79) await this.enqueue();
    else if (roll < 0.8) this.agent.fire();
    else if (roll < 0.815) {
      const jobId = dice.pick([...this.asked]);
      if (jobId) {
        this.cancelled.add(jobId);
        await this.ask(() => this.relay.cancel(jobId));
      }
    } else if (roll < 0.83) {
      const jobId = dice.pick([...this.asked].filter((each) => !this.rows.has(each)));
      if (jobId) await this.offer(jobId);
    } else if (roll < 0.87) {
      if (!this.agent.socket) this.agent.dial();
    } else if (roll < 0.885) {
      if (socket) this.cut(socket);
    } else if (roll < 0.895) this.agent.forgetSocket();
    else if (roll < 0.905) this.agent.die();
    else if (roll < 0.915) this.evict();
    else if (roll < 0.92) this.crash();
    else if (roll < 0.925) this.databaseIsDown = !this.databaseIsDown;
    else if (roll < 0.93) this.landLateWrite();
    else if (roll < 0.935) {
      if (dice.chance(0.5)) {
        this.configVersion += 1;
        await this.tellConfigChanged();
      } else {
        this.scheduleVersion += 1;
        await this.tellSchedulesChanged();
      }
    } else if (roll < 0.945) {
      const jobId = dice.pick([...this.agent.history.keys(), ...this.asked]);
      if (jobId && this.browsers.length < 4) this.browsers.push(new ModelBrowser(this, jobId));
      for (const browser of this.browsers) if (!browser.socket) browser.dial();
    } else await this.advance(dice.chance(0.05) ? 11 * 60_000 : dice.below(20_000));
    await this.settle();
  }
}

/** Marks a lent credential wherever it lies. */
const LENT_SECRET = "lentlentlent";

/** A set of some version: every other one is too large for one frame. */
function schedulesOf(version: number): WireSchedule[] {
  const paths = Array.from({ length: version % 2 === 0 ? 1 : 20 }, (_, i) => `/${i}${"x".repeat(4000)}`);
  return Array.from({ length: version % 5 }, (_, i) => ({
    kind: "backup",
    id: `00000000-0000-7000-8001-${String(version * 10 + i).padStart(12, "0")}`,
    name: "s",
    repositoryId: HOST_ID,
    enabled: true,
    manual: true,
    spreadMinutes: 0,
    catchUp: "once",
    limits: {},
    paths,
    excludes: [],
    tags: [],
    retention: null,
    createRepository: false,
  }));
}

/** What the host does not take of a version. */
function refusedOf(version: number): string[] {
  return schedulesOf(version)
    .slice(0, version % 3)
    .map(({ id }) => id);
}

/** Stands for Ed25519, which has tests of its own: 64 bytes that only fit this message. */
function signatureOf(message: string): string {
  return createHash("sha512").update(message).digest("base64url");
}
