import type { Database } from "../bindings.ts";

/**
 * A query that is built once for each database object instead of at each call, for what runs at every connection or
 * click: drizzle takes longer to build it than SQLite to run it.
 */
export function builtOnce<Query extends object>(build: (db: Database) => Query): (db: Database) => Query {
  const built = new WeakMap<Database, Query>();
  return (db) => {
    const known = built.get(db);
    if (known) return known;
    const query = build(db);
    built.set(db, query);
    return query;
  };
}
