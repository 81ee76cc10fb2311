import { and, desc, eq, sql, type SQL } from "drizzle-orm";
import * as v from "valibot";
import type { GroupSnapshot } from "../../core/retention/plan.ts";
import type { SnapshotResource } from "../../protocol/api.ts";
import { uuid } from "../../protocol/scalars.ts";
import { SCHEDULE_TAG } from "../../protocol/schedule.ts";
import type { BackupSummary } from "../../protocol/wire.ts";
import type { Database } from "../bindings.ts";
import { repositories, snapshots } from "./schema.ts";

export type SnapshotRow = typeof snapshots.$inferSelect;

export function snapshotResource(row: SnapshotRow): SnapshotResource {
  const tags = JSON.parse(row.tags) as string[];
  const scheduleId = tags.map(scheduleOfTag).find((id) => id !== undefined);
  return {
    id: row.id,
    repositoryId: row.repositoryId,
    ...(row.hostId === null ? {} : { hostId: row.hostId }),
    timeMs: row.time,
    firstSeenAtMs: row.firstSeenAt,
    hostname: row.hostname,
    ...(row.username === null ? {} : { username: row.username }),
    paths: JSON.parse(row.paths) as string[],
    tags,
    ...(scheduleId === undefined ? {} : { scheduleId }),
    ...(row.parent === null ? {} : { parent: row.parent }),
    ...(row.summary === null ? {} : { summary: JSON.parse(row.summary) as BackupSummary }),
  };
}

function scheduleOfTag(tag: string): string | undefined {
  const id = tag.slice(SCHEDULE_TAG.length);
  return tag.startsWith(SCHEDULE_TAG) && v.is(uuid, id) ? id : undefined;
}

/** Whose snapshots one policy is applied to. */
export interface SnapshotGroup {
  repositoryId: string;
  /** The host name of enrolment: a rename starts no second group. */
  hostname: string;
  scheduleId: string;
}

/** Newest snapshots of one group that a plan looks at. Older ones stay until these are fewer. */
const MAX_GROUP = 100_000;

/** The snapshots of a group, newest first: one range of the primary key, no other repository is read. */
export async function loadGroup(db: Database, group: SnapshotGroup): Promise<GroupSnapshot[]> {
  const rows = await db
    .select({
      id: snapshots.id,
      timeMs: snapshots.time,
      tags: snapshots.tags,
      firstSeenAtMs: snapshots.firstSeenAt,
      vouched: snapshots.vouched,
    })
    .from(snapshots)
    .where(inGroup(group))
    .orderBy(desc(snapshots.time), desc(snapshots.id))
    .limit(MAX_GROUP);
  return rows.map((row) => ({ ...row, tags: JSON.parse(row.tags) as string[], vouched: row.vouched === 1 }));
}

/** The condition that a row of snapshots belongs to the group. In JSON a quote within a tag is escaped, so that only a whole tag matches. */
export function inGroup(group: SnapshotGroup): SQL {
  const tag = JSON.stringify(SCHEDULE_TAG + group.scheduleId);
  return sql`repository_id = ${group.repositoryId} AND hostname = ${group.hostname} AND instr(tags, ${tag}) > 0`;
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
