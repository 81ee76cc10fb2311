import Sqlite from "better-sqlite3";
import { drizzle } from "drizzle-orm/d1";
import type { Database } from "../worker/bindings.ts";

/**
 * better-sqlite3 in the shape of D1 (developers.cloudflare.com/d1/worker-api), with D1's refusals, so that what works
 * here works there: no transaction statements, at most 100 bound parameters, no text over 2 MB, no bigint, undefined or
 * bytes.
 */

const MAX_PARAMETERS = 100;
const MAX_STATEMENT_BYTES = 100_000;
const MAX_TEXT_BYTES = 2_000_000;
const MAX_CACHED_STATEMENTS = 500;
const BUSY_TIMEOUT_MS = 5_000;
const REFUSED =
  /^\s*(?:(?:--[^\n]*\n|\/\*[\s\S]*?\*\/)\s*)*(BEGIN|COMMIT|END|ROLLBACK|SAVEPOINT|RELEASE|ATTACH|DETACH|VACUUM)\b/i;

type Bound = string | number | null;

export interface D1Meta {
  /** Rows written by the statement, those of its triggers and cascades included, as D1 counts them. */
  changes: number;
  last_row_id: number;
  duration: number;
  rows_read: number;
  rows_written: number;
}
export interface D1Answer {
  success: true;
  results: Record<string, unknown>[];
  meta: D1Meta;
}

/** A database file with the settings under which an acknowledged write survives a power cut. `:memory:` for tests. */
export function openSqlite(file: string): Sqlite.Database {
  const sqlite = new Sqlite(file);
  sqlite.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
  sqlite.pragma("journal_mode = WAL");
  sqlite.pragma("synchronous = FULL");
  sqlite.pragma("foreign_keys = ON");
  return sqlite;
}

/** The application's view of a database file: drizzle-orm/d1, as on Workers. */
export function databaseOn(sqlite: Sqlite.Database): Database {
  return drizzle(new D1OnSqlite(sqlite) as never) as Database;
}

export class D1OnSqlite {
  readonly #sqlite: Sqlite.Database;
  readonly #statements = new Map<string, Sqlite.Statement<Bound[], Record<string, unknown>>>();
  readonly #totals: Sqlite.Statement<[], { total: number; rowid: number }>;

  constructor(sqlite: Sqlite.Database) {
    this.#sqlite = sqlite;
    this.#totals = sqlite.prepare("SELECT total_changes() AS total, last_insert_rowid() AS rowid");
  }

  prepare(query: string): D1StatementOnSqlite {
    return new D1StatementOnSqlite(this, query, []);
  }

  /** All or nothing. Synchronous between BEGIN and COMMIT, so that nothing can come in between. */
  async batch(statements: readonly D1StatementOnSqlite[]): Promise<D1Answer[]> {
    this.#sqlite.exec("BEGIN IMMEDIATE");
    try {
      const answers = statements.map((statement) => this.runNow(statement.query, statement.bound));
      this.#sqlite.exec("COMMIT");
      return answers;
    } catch (error) {
      if (this.#sqlite.inTransaction) this.#sqlite.exec("ROLLBACK");
      throw error;
    }
  }

  async exec(query: string): Promise<{ count: number; duration: number }> {
    refuse(query);
    this.#sqlite.exec(query);
    return { count: 1, duration: 0 };
  }

  runNow(query: string, bound: readonly Bound[]): D1Answer {
    const statement = this.compile(query);
    const before = this.#totals.get()!;
    let results: Record<string, unknown>[] = [];
    if (statement.reader) results = statement.all(...bound);
    else statement.run(...bound);
    const after = this.#totals.get()!;
    const changes = after.total - before.total;
    return {
      success: true,
      results,
      meta: { changes, last_row_id: after.rowid, duration: 0, rows_read: results.length, rows_written: changes },
    };
  }

  compile(query: string): Sqlite.Statement<Bound[], Record<string, unknown>> {
    const known = this.#statements.get(query);
    if (known) return known;
    refuse(query);
    const statement = this.#sqlite.prepare<Bound[], Record<string, unknown>>(query);
    if (this.#statements.size >= MAX_CACHED_STATEMENTS) {
      this.#statements.delete(this.#statements.keys().next().value!);
    }
    this.#statements.set(query, statement);
    return statement;
  }
}

export class D1StatementOnSqlite {
  readonly #d1: D1OnSqlite;
  readonly query: string;
  readonly bound: readonly Bound[];

  constructor(d1: D1OnSqlite, query: string, bound: readonly Bound[]) {
    this.#d1 = d1;
    this.query = query;
    this.bound = bound;
  }

  bind(...values: unknown[]): D1StatementOnSqlite {
    if (values.length > MAX_PARAMETERS) throw new Error("D1_ERROR: too many SQL variables");
    return new D1StatementOnSqlite(this.#d1, this.query, values.map(boundValue));
  }

  async run(): Promise<D1Answer> {
    return this.#d1.runNow(this.query, this.bound);
  }

  async all(): Promise<D1Answer> {
    return this.#d1.runNow(this.query, this.bound);
  }

  async first(column?: string): Promise<unknown> {
    const row = this.#d1.runNow(this.query, this.bound).results[0];
    if (row === undefined) return null;
    return column === undefined ? row : (row[column] ?? null);
  }

  async raw(): Promise<unknown[][]> {
    const statement = this.#d1.compile(this.query);
    if (!statement.reader) {
      statement.run(...this.bound);
      return [];
    }
    // The statement is shared, so its mode is set back before anyone else can run it.
    statement.raw(true);
    try {
      return statement.all(...this.bound) as unknown as unknown[][];
    } finally {
      statement.raw(false);
    }
  }
}

function boundValue(value: unknown): Bound {
  if (value === null) return value;
  if (typeof value === "string") {
    if (value.length * 3 <= MAX_TEXT_BYTES || Buffer.byteLength(value) <= MAX_TEXT_BYTES) return value;
    throw new Error("D1_ERROR: string or blob too big");
  }
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "number") {
    if (Number.isFinite(value)) return value;
    throw new Error("D1_TYPE_ERROR: a number must be finite");
  }
  throw new Error(`D1_TYPE_ERROR: Type '${typeof value}' not supported`);
}

function refuse(query: string): void {
  const word = REFUSED.exec(query)?.[1];
  if (word)
    throw new Error(`D1_ERROR: ${word.toUpperCase()} is not allowed; writes that belong together are one batch`);
  if (query.length > MAX_STATEMENT_BYTES) throw new Error("D1_ERROR: statement too long");
}
