import { getTableColumns, sql, type InferInsertModel, type SQL } from "drizzle-orm";
import type { SQLiteTable } from "drizzle-orm/sqlite-core";
import type { Database } from "../bindings.ts";

/** A row to insert, any of whose values may be an expression. */
export type RowOrSql<T extends SQLiteTable> = {
  [K in keyof InferInsertModel<T>]: InferInsertModel<T>[K] | SQL;
};

/**
 * The statement that inserts `row` only when `where` holds at that moment of the batch: INSERT … SELECT … WHERE. Columns
 * that `row` leaves out get their default.
 */
export function insertWhere<T extends SQLiteTable>(db: Database, table: T, row: RowOrSql<T>, where: SQL) {
  const given = row as Record<string, unknown>;
  const values = Object.entries(getTableColumns(table)).map(
    ([name, column]) => sql`${given[name] ?? column.default ?? null}`,
  );
  return db.insert(table).select(sql`SELECT ${sql.join(values, sql`, `)} WHERE ${where}`);
}
