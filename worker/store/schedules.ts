import { eq } from "drizzle-orm";
import type { ScheduleResource } from "../../protocol/api.ts";
import type { Database } from "../bindings.ts";
import { schedules } from "./schema.ts";

/** A host's schedules in the order they were made. */
export async function listSchedules(db: Database, hostId: string): Promise<ScheduleResource[]> {
  const rows = await db.select().from(schedules).where(eq(schedules.hostId, hostId)).orderBy(schedules.id);
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    repositoryId: row.repositoryId,
    kind: row.kind,
    manual: true,
    enabled: row.enabled === 1,
    paths: JSON.parse(row.paths) as string[],
    excludes: JSON.parse(row.excludes) as string[],
    tags: JSON.parse(row.tags) as string[],
  }));
}
