import { and, isNotNull, notInArray, sql } from "drizzle-orm";
import type { SQLiteColumn, SQLiteTable } from "drizzle-orm/sqlite-core";
import type { Database } from "../bindings.ts";
import { enrollmentTokens, hosts, repositoryCredentials, schedules } from "./schema.ts";

/** The id of a key that something in the database is sealed under and `knownKeyIds` lacks; null when all would open. */
export async function findUnknownKeyId(db: Database, knownKeyIds: readonly string[]): Promise<string | null> {
  const places: [SQLiteTable, SQLiteColumn][] = [
    [repositoryCredentials, repositoryCredentials.sealed],
    [enrollmentTokens, enrollmentTokens.sealed],
    [schedules, schedules.hooks],
    [hosts, hosts.hooks],
  ];
  for (const [table, sealed] of places) {
    // A sealed text is `rm1.<key id>.…` (core/secrets/at-rest.ts).
    const keyId = sql<string>`substr(${sealed}, 5, instr(substr(${sealed}, 5), '.') - 1)`;
    const rows = await db
      .select({ keyId })
      .from(table)
      .where(and(isNotNull(sealed), notInArray(keyId, [...knownKeyIds])))
      .limit(1);
    if (rows[0]) return rows[0].keyId;
  }
  return null;
}
