import { and, eq } from "drizzle-orm";
import type { RandomBytes } from "../../core/ids.ts";
import { openAtRest, type SealKey } from "../../core/secrets/at-rest.ts";
import { sealToHost } from "../../core/secrets/to-host.ts";
import { sealContext, type WireRepository, type WireSchedule } from "../../protocol/wire.ts";
import type { Database } from "../bindings.ts";
import { credentialPlace } from "./repositories.ts";
import { scheduleOfRow } from "./schedules.ts";
import { hosts, repositories, repositoryCredentials, schedules } from "./schema.ts";

/**
 * Every credential a host holds, sealed to its key (PROTOCOL section 7, config.update). Null when the host is gone.
 * The version is read before the rows: a change in between is pushed once more, never missed.
 */
export async function loadHostConfig(
  db: Database,
  hostId: string,
  keys: readonly SealKey[],
  random: RandomBytes,
): Promise<{ version: number; repositories: WireRepository[] } | null> {
  const [host] = await db
    .select({ version: hosts.configVersion, sealKey: hosts.sealKey })
    .from(hosts)
    .where(eq(hosts.id, hostId))
    .limit(1);
  if (!host) return null;
  const rows = await db
    .select({
      repositoryId: repositories.id,
      ownAddress: repositoryCredentials.address,
      address: repositories.address,
      purpose: repositoryCredentials.purpose,
      sealed: repositoryCredentials.sealed,
      version: repositoryCredentials.version,
    })
    .from(repositories)
    .innerJoin(repositoryCredentials, eq(repositoryCredentials.repositoryId, repositories.id))
    .where(and(eq(repositories.hostId, hostId), eq(repositoryCredentials.purpose, "write")))
    .orderBy(repositories.id);
  return {
    version: host.version,
    repositories: rows.map((row) => {
      const secret = openAtRest(keys, credentialPlace(row.repositoryId, row.purpose, row.version), row.sealed);
      if (secret === null)
        throw new Error(`the credential of repository ${row.repositoryId} cannot be opened with this server's key`);
      return {
        repositoryId: row.repositoryId,
        address: row.ownAddress ?? row.address,
        purpose: row.purpose,
        sealed: sealToHost(host.sealKey, sealContext(hostId, row.repositoryId, row.version), secret, random),
        version: row.version,
      };
    }),
  };
}

/** The schedules that a host fires, the disabled ones too. Null when the host is gone. */
export async function loadHostSchedules(
  db: Database,
  hostId: string,
): Promise<{ version: number; schedules: WireSchedule[] } | null> {
  const [host] = await db.select({ version: hosts.scheduleVersion }).from(hosts).where(eq(hosts.id, hostId)).limit(1);
  if (!host) return null;
  const rows = await db
    .select({ schedule: schedules, createRepository: repositories.createRepository })
    .from(schedules)
    .innerJoin(repositories, eq(repositories.id, schedules.repositoryId))
    .where(eq(schedules.hostId, hostId))
    .orderBy(schedules.id);
  return {
    version: host.version,
    schedules: rows.flatMap(({ schedule, createRepository }): WireSchedule[] => {
      const input = scheduleOfRow(schedule);
      if (input.kind !== "backup" && input.kind !== "check") return [];
      return [{ ...input, id: schedule.id, createRepository: createRepository === 1 }];
    }),
  };
}
