import { and, desc, eq, sql } from "drizzle-orm";
import type { SnapshotResource } from "../../protocol/api.ts";
import type { BackupSummary } from "../../protocol/wire.ts";
import type { Database } from "../bindings.ts";
import { repositories, snapshots } from "./schema.ts";

export type SnapshotRow = typeof snapshots.$inferSelect;

export function snapshotResource(row: SnapshotRow): SnapshotResource {
  return {
    id: row.id,
    repositoryId: row.repositoryId,
    ...(row.hostId === null ? {} : { hostId: row.hostId }),
    timeMs: row.time,
    firstSeenAtMs: row.firstSeenAt,
    hostname: row.hostname,
    ...(row.username === null ? {} : { username: row.username }),
    paths: JSON.parse(row.paths) as string[],
    tags: JSON.parse(row.tags) as string[],
    ...(row.parent === null ? {} : { parent: row.parent }),
    ...(row.summary === null ? {} : { summary: JSON.parse(row.summary) as BackupSummary }),
  };
}

/** The order of a host's snapshots: newest first, then by id and repository. */
export type SnapshotKey = readonly [timeMs: number, id: string, repositoryId: string];

/**
 * Snapshots in a host's repositories, newest first; `after` is the key of the row before. Each repository is read in
 * the order of its primary key, at most `limit` rows, and the pages are merged.
 */
export async function listSnapshotRows(
  db: Database,
  hostId: string,
  after: SnapshotKey | null,
  limit: number,
): Promise<SnapshotRow[]> {
  const owned = await db.select({ id: repositories.id }).from(repositories).where(eq(repositories.hostId, hostId));
  const pages = await Promise.all(
    owned.map(({ id }) =>
      db
        .select()
        .from(snapshots)
        .where(
          and(
            eq(snapshots.repositoryId, id),
            after
              ? sql`(time, id) <= (${after[0]}, ${after[1]}) AND ((time, id) < (${after[0]}, ${after[1]}) OR repository_id > ${after[2]})`
              : undefined,
          ),
        )
        .orderBy(desc(snapshots.time), desc(snapshots.id))
        .limit(limit),
    ),
  );
  return pages
    .flat()
    .sort((a, b) => b.time - a.time || compare(b.id, a.id) || compare(a.repositoryId, b.repositoryId))
    .slice(0, limit);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
