import Database from "better-sqlite3";
import type { SqlValue, TurnMember } from "../durable-objects/platform.ts";

/** What is held back until the turn's commit: frames and closes, in order. */
export interface Outlet {
  /** `frame` null closes instead. */
  release(frame: string | null): void;
  /** The turn was not kept: nothing of it may leave. */
  cut(): void;
}

/** A commit costs as much as dozens of events: with two of them within BUSY_MS, the next waits GATHER_MS for more. */
const BUSY_MS = 5;
const GATHER_MS = 2;

/**
 * One SQLite file, one transaction and one commit per turn of the event loop, however many events and hosts share it.
 * Under load (docs/decisions/0008) a turn spans GATHER_MS, so that a storm of reconnects or lines shares its commits.
 * Nothing that was sent in a turn leaves before the turn is durable (synchronous=FULL): the output gate of Workers.
 */
export class TurnDatabase {
  readonly #db: Database.Database;
  readonly #statements = new Map<string, Database.Statement>();
  readonly #begin: Database.Statement;
  readonly #commit: Database.Statement;
  readonly #onFailure: (error: unknown) => void;
  #open = false;
  #scheduled = false;
  #committedAtMs = Number.NEGATIVE_INFINITY;
  #committedBeforeMs = Number.NEGATIVE_INFINITY;
  #members: TurnMember[] = [];
  #held: { outlet: Outlet; frame: string | null }[] = [];
  #waiting: { resolve: () => void; reject: (error: unknown) => void }[] = [];

  constructor(file: string, tables: readonly string[], onFailure: (error: unknown) => void) {
    this.#db = new Database(file);
    this.#db.pragma("journal_mode = WAL");
    this.#db.pragma("synchronous = FULL");
    this.#db.pragma("busy_timeout = 5000");
    for (const table of tables) this.#db.exec(table);
    this.#begin = this.#db.prepare("BEGIN IMMEDIATE");
    this.#commit = this.#db.prepare("COMMIT");
    this.#onFailure = onFailure;
  }

  exec(query: string, ...bindings: SqlValue[]): { toArray(): Record<string, SqlValue>[] } {
    const statement = this.#prepare(query);
    if (!statement.readonly) this.#write();
    const values = bindings.map((value) => (value instanceof ArrayBuffer ? Buffer.from(value) : value));
    const rows = statement.reader ? (statement.all(...values) as Record<string, SqlValue>[]) : [];
    if (!statement.reader) statement.run(...values);
    return { toArray: () => rows };
  }

  /** All of `work` or none of it; the turn goes on either way. */
  transactionSync<T>(work: () => T): T {
    this.#write();
    this.exec("SAVEPOINT part");
    try {
      const value = work();
      this.exec("RELEASE part");
      return value;
    } catch (error) {
      this.exec("ROLLBACK TO part");
      this.exec("RELEASE part");
      throw error;
    }
  }

  /** Calls `member` once at the end of this turn. */
  join(member: TurnMember): void {
    this.#members.push(member);
    this.#schedule();
  }

  /** Lets `frame` out when this turn is durable; at once when the turn has nothing to keep. */
  send(outlet: Outlet, frame: string | null): void {
    if (this.#scheduled) this.#held.push({ outlet, frame });
    else outlet.release(frame);
  }

  /** Resolves when what was written so far is durable. */
  sync(): Promise<void> {
    if (!this.#scheduled) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Whether a turn is under way. */
  get isBusy(): boolean {
    return this.#scheduled;
  }

  /** Ends a turn that is under way. */
  flush(): void {
    if (this.#scheduled) this.#endTurn();
  }

  close(): void {
    this.flush();
    this.#db.close();
  }

  #prepare(query: string): Database.Statement {
    const known = this.#statements.get(query);
    if (known) return known;
    const statement = this.#db.prepare(query);
    this.#statements.set(query, statement);
    return statement;
  }

  #write(): void {
    if (!this.#open) {
      this.#begin.run();
      this.#open = true;
    }
    this.#schedule();
  }

  /** At the end of this turn of the event loop; soon after the last commit, a little later for all that comes in. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const end = () => {
      if (this.#scheduled) this.#endTurn();
    };
    if (performance.now() - this.#committedBeforeMs < BUSY_MS) setTimeout(end, GATHER_MS);
    else setImmediate(end);
  }

  #endTurn(): void {
    const members = this.#members;
    this.#members = [];
    for (const member of members) member.endTurn();
    const waiting = this.#waiting;
    this.#waiting = [];
    const held = this.#held;
    this.#held = [];
    this.#scheduled = false;
    if (this.#members.length > 0) this.#schedule();
    try {
      if (this.#open) {
        this.#commit.run();
        this.#open = false;
        this.#committedBeforeMs = this.#committedAtMs;
        this.#committedAtMs = performance.now();
      }
    } catch (error) {
      this.#open = false;
      if (this.#db.inTransaction) this.#db.exec("ROLLBACK");
      for (const member of members) member.forget();
      for (const outlet of new Set(held.map((item) => item.outlet))) outlet.cut();
      for (const waiter of waiting) waiter.reject(error);
      this.#onFailure(error);
      return;
    }
    for (const { outlet, frame } of held) outlet.release(frame);
    for (const waiter of waiting) waiter.resolve();
  }
}
