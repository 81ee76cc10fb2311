import type { FleetMessage } from "../protocol/stream.ts";
import type { WireRepository, WireSchedule } from "../protocol/wire.ts";
import type { Fact } from "../core/relay/facts.ts";
import type { Log } from "../worker/bindings.ts";
import type { PendingOutcome } from "../worker/store/pending-outcome.ts";

export type { AgentGrant, BrowserGrant, FleetGrant, PendingGrant } from "../core/access/socket-grants.ts";

/**
 * What the shells need of a platform: hibernating sockets with attachments, synchronous SQL storage, one alarm.
 * Cloudflare's DurableObjectState has this shape as it is, but for what is optional here;
 * selfhost/relay-platform.ts gives it on ws + better-sqlite3.
 */
export interface RelayPlatform {
  acceptWebSocket(socket: RelaySocket, tags?: string[]): void;
  getWebSockets(tag?: string): RelaySocket[];
  getTags(socket: RelaySocket): string[];
  getWebSocketAutoResponseTimestamp(socket: RelaySocket): Date | null;
  storage: {
    sql: { exec(query: string, ...bindings: SqlValue[]): { toArray(): Record<string, SqlValue>[] } };
    transactionSync<T>(work: () => T): T;
    /** `allowUnconfirmed`: sends need not wait for it. */
    setAlarm(atMs: number, options?: { allowUnconfirmed?: boolean }): Promise<void> | void;
    deleteAlarm(options?: { allowUnconfirmed?: boolean }): Promise<void> | void;
    /** Resolves when what was written so far is durable. */
    sync(): Promise<void>;
  };
  waitUntil(promise: Promise<unknown>): void;
  /** Where several events share a turn: `endTurn` is called once, at its end. Absent: each event is a turn. */
  joinTurn?(member: TurnMember): void;
}
export type SqlValue = string | number | null | ArrayBuffer;

export interface TurnMember {
  /** Writes and sends what the turn owes. */
  endTurn(): void;
  /** What the turn wrote was not kept: everything in memory must be read again. */
  forget(): void;
}

/**
 * Sends are held back until what the same turn wrote is durable: the output gate on Workers, the commit at the end of
 * the event-loop turn on Node.
 */
export interface RelaySocket {
  send(frame: string): void;
  close(code: number, reason: string): void;
  serializeAttachment(value: unknown): void;
  deserializeAttachment(): unknown;
  /** 1 = open. */
  readonly readyState: number;
  /** Bytes sent and not yet taken by the system, where the platform knows it. */
  readonly bufferedAmount?: number;
}

/** What a relay asks of the rest of the server. */
export interface RelayOutside {
  /** Every credential the host holds, sealed to its key. Null when the host is gone. */
  loadConfig(hostId: string): Promise<{ version: number; repositories: WireRepository[] } | null>;
  loadSchedules(hostId: string): Promise<{ version: number; schedules: WireSchedule[] } | null>;
  /**
   * Writes facts in order; each takes effect once, whatever is repeated. Also publishes what the dashboard shows.
   * Throws when the database is down: the relay keeps them and tries again.
   */
  recordFacts(hostId: string, facts: readonly Fact[]): Promise<void>;
  publish(messages: readonly FleetMessage[]): Promise<{ watched: boolean }>;
  /** As worker/store/pending-outcome.ts. Throws when the database is down. */
  pendingOutcome(pendingId: string): Promise<PendingOutcome>;
  /** Ed25519 over UTF-8 text, as core/secrets/sign.ts; a platform may do it natively. */
  verify(publicKey: string, message: string, signature: string): boolean;
  /** HMAC key of browser grants. */
  grantKey: Uint8Array;
  now(): number;
  random(count: number): Uint8Array;
  log: Log;
}
