import { DurableObject } from "cloudflare:workers";
import {
  UPGRADE_HEADER,
  type AgentGrant,
  type BrowserGrant,
  type FleetGrant,
  type PendingGrant,
} from "../core/access/socket-grants.ts";
import type { ChosenBy } from "../core/relay/facts.ts";
import type { QueuedJob } from "../core/relay/queued-job.ts";
import { PING_TEXT, PONG_TEXT } from "../protocol/limits.ts";
import type { FleetMessage } from "../protocol/stream.ts";
import type { FleetFeedPort, HostRelayPort, PendingRelayPort } from "../worker/bindings.ts";
import { FleetFeed } from "./fleet-feed.ts";
import { HostRelay } from "./host-relay.ts";
import { PendingRelay, type PendingOutside } from "./pending-relay.ts";
import type { RelayOutside, RelayPlatform, RelaySocket, SqlValue } from "./platform.ts";
import { FEED_TABLES, RELAY_TABLES } from "./relay-tables.ts";

type SocketUpgrade = { subprotocol: string } & (
  | { kind: "agent"; grant: AgentGrant }
  | { kind: "job"; grant: BrowserGrant }
  | { kind: "pending"; grant: PendingGrant }
  | { kind: "fleet"; grant: FleetGrant }
);

/** A relay as a Durable Object; its name is the host's id. `outsideOf` is asked once for each object in memory. */
export function hostRelayObject<Env>(outsideOf: (env: Env, hostId: string) => RelayOutside) {
  return class extends DurableObject<Env> implements HostRelayPort {
    readonly #platform: ObjectPlatform;
    readonly #relay: HostRelay;

    constructor(state: DurableObjectState, env: Env) {
      super(state, env);
      this.#platform = new ObjectPlatform(state, RELAY_TABLES);
      const hostId = state.id.name ?? this.#platform.onlyHost();
      this.#relay = new HostRelay(this.#platform, outsideOf(env, hostId), hostId);
    }

    override fetch(request: Request): Response {
      return acceptUpgrade(request, (socket, upgrade) => {
        if (upgrade.kind === "agent") this.#relay.acceptAgent(socket, upgrade.grant);
        else if (upgrade.kind === "job") this.#relay.acceptBrowser(socket, upgrade.grant);
        else throw new Error(`a ${upgrade.kind} socket belongs to another object`);
      });
    }
    override webSocketMessage(socket: WebSocket, frame: string | ArrayBuffer): void {
      this.#relay.webSocketMessage(socket, frame);
    }
    override webSocketClose(socket: WebSocket): void {
      this.#relay.webSocketClose(socket);
    }
    override webSocketError(socket: WebSocket): void {
      this.#relay.webSocketError(socket);
    }
    override alarm(): void {
      this.#platform.alarmRang();
      this.#relay.alarm();
    }

    enqueue(job: QueuedJob) {
      return this.#relay.enqueue(job);
    }
    cancel(jobId: string) {
      return this.#relay.cancel(jobId);
    }
    chooseClaimant(no: number, by: ChosenBy) {
      return this.#relay.chooseClaimant(no, by);
    }
    configChanged() {
      return this.#relay.configChanged();
    }
    scheduleChanged() {
      return this.#relay.scheduleChanged();
    }
    isOnline() {
      return this.#relay.isOnline();
    }
    readLog(jobId: string, afterSeq: number, maxBytes: number) {
      return this.#relay.readLog(jobId, afterSeq, maxBytes);
    }
    closeSession(sessionHash: string) {
      return this.#relay.closeSession(sessionHash);
    }
    remove() {
      return this.#relay.remove();
    }
  };
}

/**
 * The sockets of one host that waits, as a Durable Object named `pending:<id>`. It has no tables: when its alarm has rung
 * for the last time nothing is left of it.
 */
export function pendingRelayObject<Env>(outsideOf: (env: Env, name: string) => PendingOutside) {
  return class extends DurableObject<Env> implements PendingRelayPort {
    readonly #platform: ObjectPlatform;
    readonly #relay: PendingRelay;

    constructor(state: DurableObjectState, env: Env) {
      super(state, env);
      this.#platform = new ObjectPlatform(state, []);
      this.#relay = new PendingRelay(this.#platform, outsideOf(env, state.id.name ?? ""));
    }

    override fetch(request: Request): Response {
      return acceptUpgrade(request, (socket, upgrade) => {
        if (upgrade.kind !== "pending") throw new Error(`a ${upgrade.kind} socket belongs to another object`);
        this.#relay.acceptPending(socket, upgrade.grant);
      });
    }
    override webSocketMessage(socket: WebSocket, frame: string | ArrayBuffer): void {
      this.#relay.webSocketMessage(socket, frame);
    }
    override webSocketClose(): void {
      this.#relay.webSocketClose();
    }
    override webSocketError(): void {
      this.#relay.webSocketError();
    }
    override alarm(): void {
      this.#platform.alarmRang();
      this.#relay.alarm();
    }

    decided() {
      return this.#relay.decided();
    }
  };
}

/** The fleet feed as a Durable Object; there is one. */
export function fleetFeedObject<Env>(outsideOf: (env: Env) => Pick<RelayOutside, "grantKey" | "now">) {
  return class extends DurableObject<Env> implements FleetFeedPort {
    readonly #platform: ObjectPlatform;
    readonly #feed: FleetFeed;

    constructor(state: DurableObjectState, env: Env) {
      super(state, env);
      this.#platform = new ObjectPlatform(state, FEED_TABLES);
      this.#feed = new FleetFeed(this.#platform, outsideOf(env));
    }

    override fetch(request: Request): Response {
      return acceptUpgrade(request, (socket, upgrade) => {
        if (upgrade.kind !== "fleet") throw new Error("only dashboard sockets belong to the fleet feed");
        this.#feed.acceptFleet(socket, upgrade.grant);
      });
    }
    override webSocketMessage(socket: WebSocket, frame: string | ArrayBuffer): void {
      this.#feed.webSocketMessage(socket, frame);
    }
    override webSocketClose(): void {
      this.#feed.webSocketClose();
    }
    override webSocketError(): void {
      this.#feed.webSocketError();
    }
    override alarm(): void {
      this.#platform.alarmRang();
      this.#feed.alarm();
    }

    publish(messages: readonly FleetMessage[]) {
      return this.#feed.publish(messages);
    }
    noteJobSocket(sessionHash: string, hostId: string, untilMs: number) {
      return this.#feed.noteJobSocket(sessionHash, hostId, untilMs);
    }
    closeSession(sessionHash: string) {
      return this.#feed.closeSession(sessionHash);
    }
  };
}

function acceptUpgrade(request: Request, accept: (socket: RelaySocket, upgrade: SocketUpgrade) => void): Response {
  const header = request.headers.get(UPGRADE_HEADER);
  if (header === null) return new Response(null, { status: 426 });
  const upgrade = JSON.parse(header) as SocketUpgrade;
  const { 0: client, 1: server } = new WebSocketPair();
  accept(server, upgrade);
  return new Response(null, {
    status: 101,
    webSocket: client,
    headers: { "sec-websocket-protocol": upgrade.subprotocol },
  });
}

/**
 * DurableObjectState in the shape of RelayPlatform. Each alarm that is set is a billed row, so one that stands earlier
 * than asked for is left to ring: waking early is harmless, and the next one is set then.
 */
class ObjectPlatform implements RelayPlatform {
  readonly storage: RelayPlatform["storage"];
  readonly #state: DurableObjectState;
  #alarmAtMs: number | null = null;

  constructor(state: DurableObjectState, tables: readonly string[]) {
    this.#state = state;
    const { storage } = state;
    for (const table of tables) storage.sql.exec(table);
    state.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING_TEXT, PONG_TEXT));
    void state.blockConcurrencyWhile(async () => {
      this.#alarmAtMs = await storage.getAlarm();
    });
    this.storage = {
      sql: {
        exec: (query, ...bindings) => storage.sql.exec<Record<string, SqlValue>>(query, ...bindings),
      },
      transactionSync: (work) => storage.transactionSync(work),
      setAlarm: (atMs, options) => {
        if (this.#alarmAtMs !== null && this.#alarmAtMs <= atMs) return;
        this.#alarmAtMs = atMs;
        return storage.setAlarm(atMs, options ?? {});
      },
      deleteAlarm: (options) => {
        if (options?.allowUnconfirmed) return;
        this.#alarmAtMs = null;
        return storage.deleteAlarm();
      },
      sync: () => storage.sync(),
    };
  }

  alarmRang(): void {
    this.#alarmAtMs = null;
  }

  /** The host whose rows these are, for an object that was not told its name. */
  onlyHost(): string {
    const [row] = this.storage.sql.exec("SELECT host_id FROM relay_hosts LIMIT 1").toArray();
    if (!row) throw new Error("a relay is reached by its host's id");
    return row["host_id"] as string;
  }

  acceptWebSocket(socket: RelaySocket, tags?: string[]): void {
    this.#state.acceptWebSocket(socket as WebSocket, tags);
  }
  getWebSockets(tag?: string): RelaySocket[] {
    return this.#state.getWebSockets(tag);
  }
  getTags(socket: RelaySocket): string[] {
    return this.#state.getTags(socket as WebSocket);
  }
  getWebSocketAutoResponseTimestamp(socket: RelaySocket): Date | null {
    return this.#state.getWebSocketAutoResponseTimestamp(socket as WebSocket);
  }
  waitUntil(promise: Promise<unknown>): void {
    this.#state.waitUntil(promise);
  }
}
