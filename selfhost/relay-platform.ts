import type { WebSocket } from "ws";
import type { AgentGrant, BrowserGrant, FleetGrant, PendingGrant } from "../core/access/socket-grants.ts";
import type { ChosenBy } from "../core/relay/facts.ts";
import type { QueuedJob } from "../core/relay/queued-job.ts";
import { FleetFeed } from "../durable-objects/fleet-feed.ts";
import { HostRelay } from "../durable-objects/host-relay.ts";
import { PendingRelay } from "../durable-objects/pending-relay.ts";
import type { RelayOutside, RelayPlatform, RelaySocket, TurnMember } from "../durable-objects/platform.ts";
import { loseAllAgents } from "../durable-objects/relay-rows.ts";
import { FEED_TABLES, RELAY_TABLES } from "../durable-objects/relay-tables.ts";
import { OFFLINE_AFTER_MS } from "../protocol/limits.ts";
import type { FleetFeedPort, HostRelayPort, Log, PendingRelayPort } from "../worker/bindings.ts";
import { Alarms } from "./alarms.ts";
import { NodeSocket, type SocketOwner } from "./relay-socket.ts";
import { TurnDatabase } from "./turn-database.ts";

/** How often silent agents are looked for, and idle hosts let go of what they need not hold. */
const SWEEP_MS = 3_000;
/** How long a stopping server waits for facts that are on their way to the database. */
const DRAIN_MS = 5_000;
const FEED = "fleet";
/** Before the id of an announcement in its room's name; no host's id begins so. */
const PENDING = "pending:";

export interface NodeRelaysInit {
  /** relay.db: every relay's own storage. */
  file: string;
  outside: RelayOutside;
  now(): number;
}

/** Every relay and the fleet feed of a self-hosted server. */
export interface NodeRelays {
  relay(hostId: string): HostRelayPort;
  pending(pendingId: string): PendingRelayPort;
  fleet: FleetFeedPort;
  acceptAgent(ws: WebSocket, grant: AgentGrant): void;
  acceptBrowser(ws: WebSocket, grant: BrowserGrant, hostId: string): void;
  acceptPending(ws: WebSocket, grant: PendingGrant): void;
  acceptFleet(ws: WebSocket, grant: FleetGrant): void;
  /** Rings due alarms, finds silent agents and lets go of what idle hosts need not hold; a timer calls it too. */
  sweep(): void;
  /** Drops every shell's memory, as an eviction does; what a turn still owes is carried out first. */
  evict(): Promise<void>;
  /** Commits, closes every socket 1012, waits for facts on their way, closes the file. */
  close(): Promise<void>;
}

export function createNodeRelays(init: NodeRelaysInit): NodeRelays {
  return new Relays(init);
}

class Relays implements NodeRelays {
  readonly turns: TurnDatabase;
  readonly alarms: Alarms;
  readonly now: () => number;
  readonly log: Log;
  readonly fleet: FleetFeedPort;
  readonly #rooms = new Map<string, Room>();
  readonly #outside: RelayOutside;
  readonly #feedRoom: Room;
  readonly #feed: FleetFeed;
  readonly #pending = new Set<Promise<unknown>>();
  readonly #sweeper: NodeJS.Timeout;
  #closed = false;

  constructor(init: NodeRelaysInit) {
    this.now = init.now;
    this.log = init.outside.log;
    this.#outside = init.outside;
    this.alarms = new Alarms(init.now, (name) => this.#ring(name));
    this.turns = new TurnDatabase(init.file, [...RELAY_TABLES, ...FEED_TABLES], (error) =>
      this.log.error("relay.turn_not_kept", { error }),
    );
    this.#feedRoom = new Room(this, FEED);
    this.#feed = new FleetFeed(this.#feedRoom, this.#outside);
    this.#feedRoom.shell = this.#feed;
    this.fleet = this.#feed;
    this.#resume();
    this.#sweeper = setInterval(() => this.sweep(), SWEEP_MS);
    this.#sweeper.unref();
  }

  relay(hostId: string): HostRelayPort {
    return new RelayByName((run) => run(this.#roomOf(hostId).relay));
  }

  pending(pendingId: string): PendingRelayPort {
    return { decided: () => this.#roomOf(PENDING + pendingId).pendingRelay.decided() };
  }

  acceptAgent(ws: WebSocket, grant: AgentGrant): void {
    const room = this.#roomOf(grant.hostId);
    // The shared sweep finds half-open sockets: no alarm of their own.
    room.guard(() => room.relay.acceptAgent(new NodeSocket(ws, room), { ...grant, sweepMs: 0 }));
  }

  acceptBrowser(ws: WebSocket, grant: BrowserGrant, hostId: string): void {
    const room = this.#roomOf(hostId);
    room.guard(() => room.relay.acceptBrowser(new NodeSocket(ws, room), grant));
  }

  acceptPending(ws: WebSocket, grant: PendingGrant): void {
    const room = this.#roomOf(PENDING + grant.pendingId);
    room.guard(() => room.pendingRelay.acceptPending(new NodeSocket(ws, room), grant));
  }

  acceptFleet(ws: WebSocket, grant: FleetGrant): void {
    this.#feedRoom.guard(() => this.#feed.acceptFleet(new NodeSocket(ws, this.#feedRoom), grant));
  }

  sweep(): void {
    this.alarms.ringDue();
    const nowMs = this.now();
    for (const [name, room] of this.#rooms) {
      if (room.sockets.some((socket) => nowMs > socket.contactMs + OFFLINE_AFTER_MS && socket.tags[0] === "agent"))
        room.wake();
      if (room.restUnlessTouched() && room.sockets.length === 0) this.#rooms.delete(name);
    }
  }

  async evict(): Promise<void> {
    do {
      this.turns.flush();
      await Promise.all(this.#pending);
    } while (this.turns.isBusy || this.#pending.size > 0);
    for (const room of this.#rooms.values()) room.renew();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#sweeper);
    this.alarms.stop();
    this.turns.flush();
    for (const room of [...this.#rooms.values(), this.#feedRoom])
      for (const socket of room.sockets) socket.leave(1012, "server restarts");
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, DRAIN_MS);
    });
    await Promise.race([this.#drain(), patience]);
    clearTimeout(timer);
    // A peer that does not answer the close must not keep the process.
    for (const room of [...this.#rooms.values(), this.#feedRoom]) for (const socket of room.sockets) socket.terminate();
    this.turns.close();
  }

  async #drain(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  waitFor(promise: Promise<unknown>): void {
    this.#pending.add(promise);
    void promise.finally(() => this.#pending.delete(promise));
  }

  newRelay(room: Room): HostRelay | PendingRelay {
    if (room.name.startsWith(PENDING)) return new PendingRelay(room, this.#outside);
    return new HostRelay(room, this.#outside, room.name);
  }

  /** `name`: a host's id, or `pending:` and an announcement's. */
  #roomOf(name: string): Room {
    const known = this.#rooms.get(name);
    if (known) return known;
    const room = new Room(this, name);
    room.shell = this.newRelay(room);
    this.#rooms.set(name, room);
    return room;
  }

  #ring(name: string): void {
    const room = name === FEED ? this.#feedRoom : this.#roomOf(name);
    room.wake();
  }

  /**
   * A process that starts has no sockets, hence no alarm but what follows from its rows: the clocks of silence start
   * now for every host that had a socket, and what was going on is looked at.
   */
  #resume(): void {
    const nowMs = this.now();
    const { online, busy } = loseAllAgents(this.turns, nowMs);
    for (const hostId of online) this.alarms.set(hostId, nowMs + OFFLINE_AFTER_MS);
    for (const hostId of busy) this.alarms.set(hostId, nowMs);
    this.turns.flush();
  }
}

/** The platform of one relay, made when it is needed and let go when it is not. */
class Room implements RelayPlatform, SocketOwner {
  readonly name: string;
  readonly #relays: Relays;
  shell!: HostRelay | PendingRelay | FleetFeed;
  sockets: NodeSocket[] = [];
  #pending = 0;
  #touched = false;

  constructor(relays: Relays, name: string) {
    this.#relays = relays;
    this.name = name;
  }

  get relay(): HostRelay {
    this.#touched = true;
    return this.shell as HostRelay;
  }

  get pendingRelay(): PendingRelay {
    this.#touched = true;
    return this.shell as PendingRelay;
  }

  // ---- RelayPlatform: the storage is the room itself --------------------------------------------------------------

  get storage(): this {
    return this;
  }
  get sql(): TurnDatabase {
    return this.#relays.turns;
  }
  get turns(): TurnDatabase {
    return this.#relays.turns;
  }
  transactionSync<T>(work: () => T): T {
    return this.#relays.turns.transactionSync(work);
  }
  sync(): Promise<void> {
    return this.#relays.turns.sync();
  }
  setAlarm(atMs: number): void {
    this.#relays.alarms.set(this.name, atMs);
  }
  deleteAlarm(): void {
    this.#relays.alarms.delete(this.name);
  }
  joinTurn(member: TurnMember): void {
    this.#relays.turns.join(member);
  }
  acceptWebSocket(socket: RelaySocket, tags: string[] = []): void {
    const accepted = socket as NodeSocket;
    accepted.tags = tags;
    this.sockets.push(accepted);
  }
  getWebSockets(tag?: string): RelaySocket[] {
    return tag === undefined ? this.sockets : this.sockets.filter((socket) => socket.tags.includes(tag));
  }
  getTags(socket: RelaySocket): string[] {
    return [...(socket as NodeSocket).tags];
  }
  getWebSocketAutoResponseTimestamp(socket: RelaySocket): Date | null {
    const { answeredAtMs } = socket as NodeSocket;
    return answeredAtMs === 0 ? null : new Date(answeredAtMs);
  }
  waitUntil(promise: Promise<unknown>): void {
    this.#pending += 1;
    this.#relays.waitFor(
      promise.finally(() => {
        this.#pending -= 1;
        this.#touched = true;
      }),
    );
  }

  // ---- SocketOwner ------------------------------------------------------------------------------------------------

  now(): number {
    return this.#relays.now();
  }
  onFrame(socket: NodeSocket, frame: string | ArrayBuffer): void {
    this.guard(() => this.shell.webSocketMessage(socket, frame));
  }
  onClose(socket: NodeSocket): void {
    this.sockets = this.sockets.filter((other) => other !== socket);
    this.guard(() => this.shell.webSocketClose(socket));
  }

  // ---- life -------------------------------------------------------------------------------------------------------

  wake(): void {
    this.guard(() => this.shell.alarm());
  }

  /** A bug in one host's turn must not end the process that holds all the others. */
  guard(run: () => void): void {
    this.#touched = true;
    try {
      run();
    } catch (error) {
      this.#relays.log.error("relay.event_failed", { name: this.name, error });
      for (const socket of this.sockets) socket.close(1011, "event failed");
    }
  }

  /** Lets the memory of a host go that nothing has touched since the last call; false when it is in use. */
  restUnlessTouched(): boolean {
    const rests = !this.#touched && this.#pending === 0;
    this.#touched = false;
    if (rests && this.shell instanceof HostRelay) this.shell.forget();
    return rests;
  }

  /** A new shell in place of the old one. */
  renew(): void {
    this.shell = this.#relays.newRelay(this);
  }
}

/** Names a host, not an object: rooms come and go between two calls. */
class RelayByName implements HostRelayPort {
  readonly #on: <T>(run: (relay: HostRelay) => Promise<T>) => Promise<T>;
  constructor(on: <T>(run: (relay: HostRelay) => Promise<T>) => Promise<T>) {
    this.#on = on;
  }
  enqueue(job: QueuedJob) {
    return this.#on((relay) => relay.enqueue(job));
  }
  cancel(jobId: string) {
    return this.#on((relay) => relay.cancel(jobId));
  }
  chooseClaimant(no: number, by: ChosenBy) {
    return this.#on((relay) => relay.chooseClaimant(no, by));
  }
  configChanged() {
    return this.#on((relay) => relay.configChanged());
  }
  scheduleChanged() {
    return this.#on((relay) => relay.scheduleChanged());
  }
  isOnline() {
    return this.#on((relay) => relay.isOnline());
  }
  readLog(jobId: string, afterSeq: number, maxBytes: number) {
    return this.#on((relay) => relay.readLog(jobId, afterSeq, maxBytes));
  }
  closeSession(sessionHash: string) {
    return this.#on((relay) => relay.closeSession(sessionHash));
  }
  remove() {
    return this.#on((relay) => relay.remove());
  }
}
