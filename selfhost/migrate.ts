import { readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type Sqlite from "better-sqlite3";

/** Applies migrations/ as wrangler does: same files, same bookkeeping table, so a database can move between runtimes. */

const BOOKKEEPING = `CREATE TABLE IF NOT EXISTS d1_migrations (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT UNIQUE,
  applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
)`;
const KEPT_COPIES = 3;

/** Names of the migration files in `folder`, in order. */
export function migrationNames(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => /^\d{4}_[a-z0-9_]+\.sql$/.test(name))
    .sort();
}

/** The names not yet applied to `sqlite`, in order. */
export function pendingMigrations(sqlite: Sqlite.Database, folder: string): string[] {
  const applied = new Set(hasTable(sqlite, "d1_migrations") ? plucked(sqlite, "SELECT name FROM d1_migrations") : []);
  return migrationNames(folder).filter((name) => !applied.has(name));
}

export interface Migrated {
  applied: string[];
  /** The copy of the database as it was before; null for a new or in-memory one. */
  copy: string | null;
}

/**
 * Applies what is pending, all of it or nothing. A database that holds something is first copied aside, beside itself;
 * the newest three copies stay. Throws when a table's row count changed and the file's first line does not declare it
 * (`-- rows-may-change: a, b`): a parent table rebuilt with foreign keys on wipes its children without an error.
 */
export function migrate(sqlite: Sqlite.Database, folder: string, nowMs: number): Migrated {
  const pending = pendingMigrations(sqlite, folder);
  if (pending.length === 0) return { applied: [], copy: null };
  const copy = tableNames(sqlite).length === 0 || sqlite.memory ? null : copyAside(sqlite, nowMs);
  sqlite.exec(BOOKKEEPING);
  sqlite.exec("BEGIN IMMEDIATE");
  try {
    for (const name of pending) applyOne(sqlite, name, readFileSync(join(folder, name), "utf8"));
    sqlite.exec("COMMIT");
  } catch (error) {
    if (sqlite.inTransaction) sqlite.exec("ROLLBACK");
    const saved = copy === null ? "" : ` A copy is in ${copy}.`;
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`The database is as it was: no migration was applied.${saved} ${why}`, { cause: error });
  }
  return { applied: pending, copy };
}

function applyOne(sqlite: Sqlite.Database, name: string, text: string): void {
  const mayChange = new Set(
    /^-- rows-may-change: *(.+)/
      .exec(text)?.[1]
      ?.split(",")
      .map((table) => table.trim()) ?? [],
  );
  const before = rowCounts(sqlite);
  try {
    sqlite.exec(text);
  } catch (error) {
    throw new Error(`Migration ${name} failed: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  const after = rowCounts(sqlite);
  for (const [table, rows] of before) {
    if (mayChange.has(table) || after.get(table) === rows) continue;
    const now = after.has(table) ? `${after.get(table)} rows` : "gone";
    throw new Error(`Migration ${name} may not change the rows of ${table}: it had ${rows} rows and is now ${now}.`);
  }
  const broken = sqlite.pragma("foreign_key_check") as { table: string }[];
  if (broken.length > 0) throw new Error(`Migration ${name} leaves rows of ${broken[0]!.table} without their parent.`);
  sqlite.prepare("INSERT INTO d1_migrations (name) VALUES (?)").run(name);
}

function plucked(sqlite: Sqlite.Database, query: string): string[] {
  return sqlite.prepare(query).pluck().all() as string[];
}

function hasTable(sqlite: Sqlite.Database, name: string): boolean {
  return sqlite.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(name) !== undefined;
}

function tableNames(sqlite: Sqlite.Database): string[] {
  return plucked(
    sqlite,
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB '_cf_*' AND name <> 'd1_migrations'",
  );
}

function rowCounts(sqlite: Sqlite.Database): Map<string, number> {
  const count = (table: string) =>
    sqlite
      .prepare(`SELECT count(*) FROM "${table.replaceAll('"', '""')}"`)
      .pluck()
      .get() as number;
  return new Map(tableNames(sqlite).map((table) => [table, count(table)]));
}

function copyAside(sqlite: Sqlite.Database, nowMs: number): string {
  const prefix = `${basename(sqlite.name)}.before-`;
  const folder = dirname(sqlite.name);
  const stamp = new Date(nowMs).toISOString().replace(/[-:.]/g, "");
  const copy = join(folder, `${prefix}${stamp}`);
  sqlite.prepare("VACUUM INTO ?").run(copy);
  const copies = readdirSync(folder)
    .filter((name) => name.startsWith(prefix))
    .sort();
  for (const name of copies.slice(0, -KEPT_COPIES)) rmSync(join(folder, name));
  return copy;
}
