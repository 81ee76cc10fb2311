import { and, eq } from "drizzle-orm";
import type { RandomBytes } from "../../core/ids.ts";
import { openAtRest, type SealKey } from "../../core/secrets/at-rest.ts";
import { sealToHost } from "../../core/secrets/to-host.ts";
import type { SealedHooks } from "../../protocol/schedule.ts";
import { hooksContext, sealContext, type WireRepository, type WireSchedule } from "../../protocol/wire.ts";
import type { Database } from "../bindings.ts";
import { hooksPlace, openHooks } from "./hooks.ts";
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

/**
 * The schedules that a host fires, the disabled ones too, each with its own hooks or else the host's, sealed to its key;
 * only `scheduleId` when it is given. Null when the host is gone. The version is read before the rows.
 */
export async function loadHostSchedules(
  db: Database,
  hostId: string,
  keys: readonly SealKey[],
  random: RandomBytes,
  scheduleId?: string,
): Promise<{ version: number; schedules: WireSchedule[] } | null> {
  const [host] = await db
    .select({
      version: hosts.scheduleVersion,
      sealKey: hosts.sealKey,
      hooks: hosts.hooks,
      hooksVersion: hosts.hooksVersion,
      shell: hosts.hookShell,
    })
    .from(hosts)
    .where(eq(hosts.id, hostId))
    .limit(1);
  if (!host) return null;
  const rows = await db
    .select({ schedule: schedules, createRepository: repositories.createRepository })
    .from(schedules)
    .innerJoin(repositories, eq(repositories.id, schedules.repositoryId))
    .where(and(eq(schedules.hostId, hostId), scheduleId === undefined ? undefined : eq(schedules.id, scheduleId)))
    .orderBy(schedules.id);
  const hostHooks = openHooks(keys, hooksPlace("hosts", hostId, host.hooksVersion), host.hooks);
  return {
    version: host.version,
    schedules: rows.flatMap(({ schedule, createRepository }): WireSchedule[] => {
      const input = scheduleOfRow(schedule);
      if (input.kind !== "backup" && input.kind !== "check") return [];
      const { id, hooksVersion } = schedule;
      const entry = { ...input, id, createRepository: createRepository === 1 };
      const hooks =
        input.kind === "backup"
          ? (openHooks(keys, hooksPlace("schedules", id, hooksVersion), schedule.hooks) ?? hostHooks)
          : null;
      if (hooks?.pre === undefined && hooks?.post === undefined) return [entry];
      const plain: SealedHooks = { ...hooks, shell: host.shell };
      return [{ ...entry, hooks: sealToHost(host.sealKey, hooksContext(hostId, id), JSON.stringify(plain), random) }];
    }),
  };
}
