import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type Sqlite from "better-sqlite3";

/** Applies migrations/ as wrangler does: same files, same bookkeeping table, so a database can move between runtimes. */

const BOOKKEEPING = `CREATE TABLE IF NOT EXISTS d1_migrations (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT UNIQUE,
  applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
)`;

/** Names of the migration files in `folder`, in order. */
export function migrationNames(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => /^\d{4}_[a-z0-9_]+\.sql$/.test(name))
    .sort();
}

/** The names not yet applied to `sqlite`, in order. */
export function pendingMigrations(sqlite: Sqlite.Database, folder: string): string[] {
  const known = sqlite.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'd1_migrations'").get();
  const applied = new Set(known ? sqlite.prepare("SELECT name FROM d1_migrations").pluck().all() : []);
  return migrationNames(folder).filter((name) => !applied.has(name));
}

/** Applies what is pending, each file in one transaction. */
export function migrate(sqlite: Sqlite.Database, folder: string): string[] {
  const pending = pendingMigrations(sqlite, folder);
  if (pending.length === 0) return [];
  sqlite.exec(BOOKKEEPING);
  for (const name of pending) applyOne(sqlite, name, readFileSync(join(folder, name), "utf8"));
  return pending;
}

function applyOne(sqlite: Sqlite.Database, name: string, text: string): void {
  sqlite.exec("BEGIN IMMEDIATE");
  try {
    sqlite.exec(text);
    sqlite.prepare("INSERT INTO d1_migrations (name) VALUES (?)").run(name);
    sqlite.exec("COMMIT");
  } catch (error) {
    if (sqlite.inTransaction) sqlite.exec("ROLLBACK");
    throw error;
  }
}
