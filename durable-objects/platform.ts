import type { FleetMessage } from "../protocol/stream.ts";
import type { WireRepository, WireSchedule } from "../protocol/wire.ts";
import type { Fact } from "../core/relay/facts.ts";
import type { Log } from "../worker/bindings.ts";

export type { AgentGrant, BrowserGrant, FleetGrant } from "../core/access/socket-grants.ts";

/**
 * What the shells need of a platform: hibernating sockets with attachments, synchronous SQL storage, one alarm.
 * Cloudflare's DurableObjectState has this shape as it is; selfhost/relay-platform.ts gives it on ws + better-sqlite3.
 */
export interface RelayPlatform {
  acceptWebSocket(socket: RelaySocket, tags?: string[]): void;
  getWebSockets(tag?: string): RelaySocket[];
  getTags(socket: RelaySocket): string[];
  getWebSocketAutoResponseTimestamp(socket: RelaySocket): Date | null;
  storage: {
    sql: { exec(query: string, ...bindings: (string | number | null)[]): { toArray(): Record<string, SqlValue>[] } };
    transactionSync<T>(work: () => T): T;
    setAlarm(atMs: number): Promise<void> | void;
    deleteAlarm(): Promise<void> | void;
  };
  waitUntil(promise: Promise<unknown>): void;
}
export type SqlValue = string | number | null | ArrayBuffer;

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
  grantKey: Uint8Array;
  now(): number;
  random(count: number): Uint8Array;
  log: Log;
}
