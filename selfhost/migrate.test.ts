import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type Sqlite from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LATEST_MIGRATION } from "../worker/store/latest-migration.ts";
import { openSqlite } from "./d1-on-sqlite.ts";
import { migrate, migrationNames, pendingMigrations } from "./migrate.ts";

const REAL = fileURLToPath(new URL("../migrations", import.meta.url));
const NOW_MS = Date.UTC(2026, 0, 15, 12);
let folder: string;
let migrations: string;
let sqlite: Sqlite.Database;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rm-migrate-"));
  migrations = join(folder, "migrations");
  mkdirSync(migrations);
  sqlite = openSqlite(join(folder, "main.db"));
});
afterEach(() => {
  sqlite.close();
  rmSync(folder, { recursive: true });
});

const add = (name: string, text: string) => writeFileSync(join(migrations, name), text);
const copies = () => readdirSync(folder).filter((name) => name.includes(".before-"));
const count = (table: string) => sqlite.prepare(`SELECT count(*) FROM ${table}`).pluck().get();

const FAMILY = `CREATE TABLE parents (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE children (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL REFERENCES parents (id) ON DELETE CASCADE);
INSERT INTO parents VALUES (1, 'a'), (2, 'b');
INSERT INTO children VALUES (1, 1), (2, 1), (3, 2);`;
const REBUILD = `CREATE TABLE parents_new (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO parents_new SELECT id, name FROM parents;
DROP TABLE parents;
ALTER TABLE parents_new RENAME TO parents;`;

test("the real migrations apply to an empty database once, as wrangler would record them", () => {
  expect(migrate(sqlite, REAL, NOW_MS)).toEqual({ applied: migrationNames(REAL), copy: null });
  expect(sqlite.prepare("SELECT name FROM d1_migrations").pluck().all()).toEqual(migrationNames(REAL));
  expect(migrate(sqlite, REAL, NOW_MS).applied).toEqual([]);
  expect(migrationNames(REAL).at(-1)).toBe(LATEST_MIGRATION);
});

test("a parent table rebuilt with foreign keys on, which wipes its children, is caught and undone", () => {
  add("0001_create_family.sql", FAMILY);
  migrate(sqlite, migrations, NOW_MS);
  add("0002_add_column.sql", "ALTER TABLE children ADD COLUMN age INTEGER;");
  add("0003_rebuild_parents.sql", REBUILD);
  expect(() => migrate(sqlite, migrations, NOW_MS)).toThrow(
    /as it was.*copy is in.*0003_rebuild_parents\.sql may not change the rows of children: it had 3 rows and is now 0 rows/,
  );
  expect([count("parents"), count("children")]).toEqual([2, 3]);
  expect(pendingMigrations(sqlite, migrations)).toEqual(["0002_add_column.sql", "0003_rebuild_parents.sql"]);
  const copy = openSqlite(join(folder, copies()[0]!));
  expect(copy.prepare("SELECT count(*) FROM children").pluck().get()).toBe(3);
  copy.close();
});

test("declared changes of row counts pass, others in the same file do not", () => {
  add("0001_create_family.sql", FAMILY);
  migrate(sqlite, migrations, NOW_MS);
  add("0002_forget_children.sql", "-- rows-may-change: children, visits\nDELETE FROM children;");
  expect(migrate(sqlite, migrations, NOW_MS).applied).toEqual(["0002_forget_children.sql"]);
  add("0003_forget_all.sql", "-- rows-may-change: children\nDELETE FROM parents;");
  expect(() => migrate(sqlite, migrations, NOW_MS + 1000)).toThrow(/rows of parents/);
  expect(count("parents")).toBe(2);
});

test("a file that fails half-way leaves nothing behind", () => {
  add("0001_create_family.sql", FAMILY);
  migrate(sqlite, migrations, NOW_MS);
  add("0002_half.sql", "CREATE TABLE more (id INTEGER);\nINSERT INTO nowhere VALUES (1);");
  expect(() => migrate(sqlite, migrations, NOW_MS)).toThrow(/0002_half\.sql failed: no such table: nowhere/);
  expect(sqlite.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'more'").get()).toBeUndefined();
});

test("the newest three copies are kept, and none is made when nothing is pending", () => {
  add("0001_create_family.sql", FAMILY);
  migrate(sqlite, migrations, NOW_MS);
  expect(copies()).toEqual([]);
  for (let i = 2; i < 7; i++) {
    add(`000${i}_add.sql`, `ALTER TABLE parents ADD COLUMN c${i} TEXT;`);
    migrate(sqlite, migrations, NOW_MS + i * 1000);
  }
  migrate(sqlite, migrations, NOW_MS + 9000);
  expect(copies()).toEqual([4, 5, 6].map((i) => `main.db.before-20260115T12000${i}000Z`));
});
