import { chmodSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import Sqlite from "better-sqlite3";

/** A data directory in use: only its owner may look in, and no second server may open it. */
export interface DataDir {
  file(name: string): string;
  release(): void;
}

const WAIT_FOR_PREDECESSOR_MS = 2_000;

/**
 * Opens the directory, making it when needed. The lock is a SQLite transaction held open: the system drops it when the
 * process ends, however it ends. Null when another server holds it.
 */
export function openDataDir(path: string): DataDir | null {
  const folder = resolve(path);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  const lock = new Sqlite(join(folder, "server.lock"));
  lock.pragma(`busy_timeout = ${WAIT_FOR_PREDECESSOR_MS}`);
  try {
    lock.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    if (error instanceof Sqlite.SqliteError && error.code.startsWith("SQLITE_BUSY")) return null;
    throw error;
  }
  return { file: (name) => join(folder, name), release: () => lock.close() };
}
