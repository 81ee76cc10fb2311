import type { DrizzleD1Database } from "drizzle-orm/d1";
import type { RandomBytes } from "../core/ids.ts";
import type { ChosenBy } from "../core/relay/facts.ts";
import type { QueuedJob } from "../core/relay/queued-job.ts";
import type { SealKey } from "../core/secrets/at-rest.ts";
import type { Result } from "../protocol/failure.ts";
import type { FleetMessage } from "../protocol/stream.ts";

/** The whole runtime seam: what the HTTP application needs from Workers or from the Node adapter, as one type. */
export interface Runtime {
  db: Database;
  relay(hostId: string): HostRelayPort;
  pending(pendingId: string): PendingRelayPort;
  fleet: FleetFeedPort;
  passwords: PasswordHasher;
  /** First key seals, all keys open. */
  secretKeys: readonly [SealKey, ...SealKey[]];
  /** HMAC key of browser grants, derived from the secret key. */
  grantKey: Uint8Array;
  settings: Settings;
  now(): number;
  random: RandomBytes;
  log: Log;
  /** `install.sh` or `restic-manager-agent.cjs`, as the runtime keeps them. Null when it has none of that name. */
  download(name: string): Promise<Download | null>;
}

export type Database = DrizzleD1Database<Record<string, never>>;

export interface Settings {
  /** Where browsers and agents reach the server, without a trailing slash; null = take it from each request. */
  publicUrl: string | null;
  /** Sign-in over plain HTTP away from loopback, for a lab (RM_ALLOW_HTTP=1). */
  allowHttp: boolean;
  /** sha-256 of the TLS leaf certificate, carried by the install command; null = the system's roots decide. */
  certSha256: string | null;
  version: string;
}

/** Who speaks: filled by the runtime, never from a header it does not trust. */
export interface Peer {
  /** Address of the client, past trusted proxies only. */
  address: string;
  /** Whether the client's side of the connection is TLS or loopback. */
  secure: boolean;
  /** scheme://host[:port] the client used. */
  origin: string;
}

export interface Download {
  body: ReadableStream<Uint8Array> | Uint8Array<ArrayBuffer>;
  contentType: string;
  sha256?: string;
}

/** One hash at a time: each takes 19 MiB and some 60 ms. Both refuse with server.unavailable when too many wait. */
export interface PasswordHasher {
  /** argon2id PHC string. */
  hash(password: string): Promise<Result<string>>;
  /** False for a wrong password or an unreadable PHC string; null (no such user) costs the same time and is false. */
  verify(password: string, phc: string | null): Promise<Result<boolean>>;
}

export interface Log {
  info(event: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(event: string, fields?: Readonly<Record<string, unknown>>): void;
  error(event: string, fields?: Readonly<Record<string, unknown>>): void;
}

export type { QueuedJob };

export interface LogSlice {
  /** Seq of the first record in `records`. */
  first: number;
  /** JSON texts of JobRecord, in order. */
  records: string[];
  /** Pass as `afterSeq` to go on; null at the end. */
  next: number | null;
}

/** What the rest of the server may ask of a host's relay (an object of its own on Workers, hence all async). */
export interface HostRelayPort {
  /** A known id is a no-op. Refuses with host.offline when no agent is live, host.locked when the host is. */
  enqueue(job: QueuedJob): Promise<Result<null>>;
  /** job.already_finished when terminal. Asking twice is a no-op. */
  cancel(jobId: string): Promise<Result<null>>;
  /**
   * Picks one of the machines that claim to be this host. Its next connection is let in; request.conflict when it does
   * not claim it (any longer). Choosing it again is a no-op.
   */
  chooseClaimant(no: number, by: ChosenBy): Promise<Result<null>>;
  /** The host's credentials or schedules have a new version in the database: push them to a live agent. */
  configChanged(): Promise<void>;
  scheduleChanged(): Promise<void>;
  isOnline(): Promise<boolean>;
  /** Records after `afterSeq`, at most `maxBytes` of them; for the plain text log. */
  readLog(jobId: string, afterSeq: number, maxBytes: number): Promise<LogSlice>;
  /** Closes every browser socket of this session (SHA-256 of the cookie). */
  closeSession(sessionHash: string): Promise<void>;
  /** The host was deleted: jobs end, sockets close 4403, storage goes. */
  remove(): Promise<void>;
}

/** The sockets of one host that waits to be let in. */
export interface PendingRelayPort {
  /** It was accepted or rejected: tell it. Who has no socket now hears it when it has one. */
  decided(): Promise<void>;
}

/** Dashboard sockets: a fan-out point, never the source of truth. */
export interface FleetFeedPort {
  /** True while at least one console watches: progress is worth sending. */
  publish(messages: readonly FleetMessage[]): Promise<{ watched: boolean }>;
  /** Remembers that a session has a job socket on this host's relay, until `untilMs`. */
  noteJobSocket(sessionHash: string, hostId: string, untilMs: number): Promise<void>;
  /** Closes the session's fleet sockets; answers the hosts whose relays hold more of its sockets. */
  closeSession(sessionHash: string): Promise<string[]>;
}
