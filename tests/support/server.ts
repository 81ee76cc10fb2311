import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import type Sqlite from "better-sqlite3";
import { uuidv7 } from "../../core/ids.ts";
import type { ChosenBy } from "../../core/relay/facts.ts";
import { hashToken, makeToken } from "../../core/secrets/tokens.ts";
import type { Problem, Role } from "../../protocol/api.ts";
import { fail, ok, type Result } from "../../protocol/failure.ts";
import type { FleetMessage } from "../../protocol/stream.ts";
import { databaseOn, openSqlite } from "../../selfhost/d1-on-sqlite.ts";
import { migrate } from "../../selfhost/migrate.ts";
import { createApp, type App } from "../../worker/app.ts";
import type {
  Database,
  Download,
  FleetFeedPort,
  HostRelayPort,
  LogSlice,
  Peer,
  QueuedJob,
  Runtime,
  Settings,
} from "../../worker/bindings.ts";
import { createLog } from "../../worker/log.ts";
import type { Route } from "../../worker/route.ts";
import { ROUTES } from "../../worker/routes/index.ts";
import { apiTokens, users } from "../../worker/store/schema.ts";
import { startSessionStatement } from "../../worker/store/sessions.ts";

/**
 * The HTTP application on an in-memory database, with a clock that stands until it is moved, and relays that only
 * record what they are asked. Real relays have suites of their own (tests/contract/relay-*); here the question is what
 * the routes ask of them.
 */

export const MIGRATIONS = fileURLToPath(new URL("../../migrations", import.meta.url));
const START_MS = Date.UTC(2026, 0, 15, 12);

/** A relay that remembers what it was asked. Set `online` and `refuse` to choose its answers. */
export class RecordingRelay implements HostRelayPort {
  readonly calls: { method: string; args: unknown[] }[] = [];
  online = true;
  /** What `enqueue` answers instead of its own answer. */
  enqueueAnswer: Result<null> | null = null;
  log: LogSlice[] = [];

  #note(method: string, ...args: unknown[]): void {
    this.calls.push({ method, args });
  }
  async enqueue(job: QueuedJob): Promise<Result<null>> {
    this.#note("enqueue", job);
    if (this.enqueueAnswer) return this.enqueueAnswer;
    return this.online ? ok(null) : fail("host.offline", "The host is offline.", { retry: true });
  }
  async cancel(jobId: string): Promise<Result<null>> {
    this.#note("cancel", jobId);
    return ok(null);
  }
  async chooseClaimant(no: number, by: ChosenBy): Promise<Result<null>> {
    this.#note("chooseClaimant", no, by);
    return ok(null);
  }
  async configChanged(): Promise<void> {
    this.#note("configChanged");
  }
  async scheduleChanged(): Promise<void> {
    this.#note("scheduleChanged");
  }
  async isOnline(): Promise<boolean> {
    return this.online;
  }
  async readLog(jobId: string, afterSeq: number, maxBytes: number): Promise<LogSlice> {
    this.#note("readLog", jobId, afterSeq, maxBytes);
    return this.log.find((slice) => slice.first > afterSeq) ?? { first: afterSeq + 1, records: [], next: null };
  }
  async closeSession(sessionHash: string): Promise<void> {
    this.#note("closeSession", sessionHash);
  }
  async remove(): Promise<void> {
    this.#note("remove");
  }
}

export class RecordingFeed implements FleetFeedPort {
  readonly published: FleetMessage[] = [];
  readonly jobSockets: { sessionHash: string; hostId: string }[] = [];

  async publish(messages: readonly FleetMessage[]): Promise<{ watched: boolean }> {
    this.published.push(...messages);
    return { watched: true };
  }
  async noteJobSocket(sessionHash: string, hostId: string): Promise<void> {
    this.jobSockets.push({ sessionHash, hostId });
  }
  async closeSession(sessionHash: string): Promise<string[]> {
    return this.jobSockets.filter((s) => s.sessionHash === sessionHash).map((s) => s.hostId);
  }
}

/** Who a call is made as: the headers that prove it. */
export interface Caller {
  userId: string;
  headers: Record<string, string>;
}

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** The body as JSON; null when it is none. Tests look into it without a type. */
  // oxlint-disable-next-line typescript/no-explicit-any -- each test states the fields it expects
  json: any;
  problem: Problem | null;
}

export interface CallOptions {
  as?: Caller;
  body?: unknown;
  headers?: Record<string, string>;
  peer?: Partial<Peer>;
}

export interface TestServer {
  app: App;
  runtime: Runtime;
  peer: Peer;
  db: Database;
  sqlite: Sqlite.Database;
  relays: Map<string, RecordingRelay>;
  relay(hostId: string): RecordingRelay;
  feed: RecordingFeed;
  /** Announcements whose sockets were to be told. */
  decided: string[];
  downloads: Map<string, Download>;
  logLines: string[];
  settings: Settings;
  nowMs(): number;
  advance(ms: number): void;
  /** A new user of `role` with a browser session. */
  user(role: Role, name?: string): Promise<Caller & { username: string; sessionHash: string; cookie: string }>;
  /** A new API token of `role` for a new user of `userRole` (the same by default). */
  token(role: Role, userRole?: Role): Promise<Caller & { secret: string }>;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  close(): void;
}

export async function startTestServer(
  options: { routes?: readonly Route[]; settings?: Partial<Settings>; passwords?: Runtime["passwords"] } = {},
): Promise<TestServer> {
  const sqlite = openSqlite(":memory:");
  migrate(sqlite, MIGRATIONS, START_MS);
  const db = databaseOn(sqlite);
  let nowMs = START_MS;
  const relays = new Map<string, RecordingRelay>();
  const relay = (hostId: string) => {
    const known = relays.get(hostId) ?? new RecordingRelay();
    relays.set(hostId, known);
    return known;
  };
  const feed = new RecordingFeed();
  const decided: string[] = [];
  const downloads = new Map<string, Download>();
  const logLines: string[] = [];
  const settings: Settings = {
    publicUrl: null,
    allowHttp: false,
    certSha256: null,
    version: "0.0.0-test",
    ...options.settings,
  };
  const random = (count: number) => new Uint8Array(randomBytes(count));
  const runtime: Runtime = {
    db,
    relay,
    pending: (pendingId) => ({
      async decided() {
        decided.push(pendingId);
      },
    }),
    fleet: feed,
    passwords: options.passwords ?? plainPasswords,
    secretKeys: [{ id: "k1", key: random(32) }],
    grantKey: random(32),
    settings,
    now: () => nowMs,
    random,
    log: createLog(
      (line) => logLines.push(line),
      () => nowMs,
    ),
    download: async (name) => downloads.get(name) ?? null,
  };
  const peer: Peer = { address: "192.0.2.7", secure: true, origin: "https://manager.test" };
  const app = createApp(options.routes ?? ROUTES);

  async function addUser(role: Role, username: string): Promise<string> {
    const id = uuidv7(nowMs, random);
    await db.insert(users).values({ id, username, role, createdAt: nowMs });
    return id;
  }
  let count = 0;
  const freshName = (role: Role) => `${role}-${++count}`;

  return {
    app,
    runtime,
    peer,
    db,
    sqlite,
    relays,
    relay,
    feed,
    decided,
    downloads,
    logLines,
    settings,
    nowMs: () => nowMs,
    advance(ms) {
      nowMs += ms;
    },
    async user(role, name = freshName(role)) {
      const userId = await addUser(role, name);
      const secret = makeToken("session", random);
      const sessionHash = hashToken(secret);
      await startSessionStatement(db, { idHash: sessionHash, userId, address: peer.address }, nowMs);
      const cookie = `__Host-rm=${secret}`;
      return { userId, username: name, sessionHash, cookie, headers: { cookie, origin: peer.origin } };
    },
    async token(role, userRole = role) {
      const userId = await addUser(userRole, freshName(userRole));
      const secret = makeToken("api", random);
      await db.insert(apiTokens).values({
        id: uuidv7(nowMs, random),
        secretHash: hashToken(secret),
        userId,
        name: "script",
        role,
        createdAt: nowMs,
      });
      return { userId, secret, headers: { authorization: `Bearer ${secret}` } };
    },
    async call(method, path, { as, body, headers, peer: other } = {}) {
      const from = { ...peer, ...other };
      const request = new Request(from.origin + path, {
        method,
        headers: {
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...as?.headers,
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      });
      const response = await app.fetch(request, { runtime, peer: from });
      const text = await response.text();
      const type = response.headers.get("content-type") ?? "";
      const json = type.includes("json") && text !== "" ? JSON.parse(text) : null;
      return {
        status: response.status,
        headers: response.headers,
        text,
        json,
        problem: type.startsWith("application/problem+json") ? (json as Problem) : null,
      };
    },
    close() {
      sqlite.close();
    },
  };
}

/** Stands in for argon2id where passwords are not the question; the real hashers have a suite of their own. */
const plainPasswords: Runtime["passwords"] = {
  hash: async (password) => ok(`plain:${password}`),
  verify: async (password, phc) => ok(phc === `plain:${password}`),
};
