import { and, eq, sql, type SQL } from "drizzle-orm";
import { alias } from "drizzle-orm/sqlite-core";
import type { RandomBytes } from "../../core/ids.ts";
import type { Place } from "../../core/secrets/at-rest.ts";
import type { RepositoryResource } from "../../protocol/api.ts";
import type { Database } from "../bindings.ts";
import { auditStatement, type AuditEntry } from "./audit.ts";
import { builtOnce } from "./built-once.ts";
import { insertWhere } from "./insert-where.ts";
import { hosts, repositories, repositoryCredentials } from "./schema.ts";

type Purpose = "write" | "admin" | "read";

/** Where a repository's sealed secret lives: bound to its row and its version. */
export function credentialPlace(repositoryId: string, purpose: Purpose, version: number): Place {
  return { table: "repository_credentials", row: `${repositoryId}/${purpose}`, column: "sealed", version };
}

const admin = alias(repositoryCredentials, "admin");

function selectRepositories(db: Database) {
  return db
    .select({
      id: repositories.id,
      address: repositories.address,
      createRepository: repositories.createRepository,
      updatedAt: repositories.updatedAt,
      measuredAt: repositories.measuredAt,
      storedBytes: repositories.storedBytes,
      uncompressedBytes: repositories.uncompressedBytes,
      restoreBytes: repositories.restoreBytes,
      snapshots: repositories.snapshots,
      locks: repositories.locks,
      locksAt: repositories.locksAt,
      appendOnly: repositories.appendOnly,
      lastCheck: repositories.lastCheck,
      lastPrune: repositories.lastPrune,
      sealed: repositoryCredentials.sealed,
      envKeys: repositoryCredentials.envKeys,
      version: repositoryCredentials.version,
      adminVersion: admin.version,
      adminAddress: admin.address,
      adminEnvKeys: admin.envKeys,
      adminUpdatedAt: admin.updatedAt,
    })
    .from(repositories)
    .leftJoin(
      repositoryCredentials,
      and(eq(repositoryCredentials.repositoryId, repositories.id), eq(repositoryCredentials.purpose, "write")),
    )
    .leftJoin(admin, and(eq(admin.repositoryId, repositories.id), eq(admin.purpose, "admin")));
}
/** A repository with its credentials; `sealed`, of the write one, stays on the server. */
export type RepositoryRow = Awaited<ReturnType<typeof selectRepositories>>[number];

export function repositoryResource(row: RepositoryRow): RepositoryResource {
  const { lastCheck, lastPrune, locks } = row;
  return {
    id: row.id,
    address: row.address,
    createRepository: row.createRepository === 1,
    hasPassword: row.sealed !== null,
    envKeys: JSON.parse(row.envKeys ?? "[]") as string[],
    credentialVersion: row.version ?? 0,
    updatedAtMs: row.updatedAt,
    ...(row.adminUpdatedAt === null
      ? {}
      : {
          admin: {
            ...(row.adminAddress === null || row.adminAddress === row.address ? {} : { address: row.adminAddress }),
            envKeys: JSON.parse(row.adminEnvKeys ?? "[]") as string[],
            updatedAtMs: row.adminUpdatedAt,
          },
        }),
    ...(row.measuredAt === null ? {} : { measuredAtMs: row.measuredAt }),
    ...(row.storedBytes === null ? {} : { storedBytes: row.storedBytes }),
    ...(row.uncompressedBytes === null ? {} : { uncompressedBytes: row.uncompressedBytes }),
    ...(row.restoreBytes === null ? {} : { restoreBytes: row.restoreBytes }),
    ...(row.snapshots === null ? {} : { snapshots: row.snapshots }),
    ...(locks === null ? {} : { locks: JSON.parse(locks) as NonNullable<RepositoryResource["locks"]> }),
    ...(row.locksAt === null ? {} : { locksAtMs: row.locksAt }),
    ...(row.appendOnly === null ? {} : { appendOnly: row.appendOnly === 1 }),
    ...(lastCheck === null ? {} : { lastCheck: JSON.parse(lastCheck) as NonNullable<RepositoryResource["lastCheck"]> }),
    ...(lastPrune === null ? {} : { lastPrune: JSON.parse(lastPrune) as NonNullable<RepositoryResource["lastPrune"]> }),
  };
}

const repositoriesQuery = builtOnce((db) =>
  selectRepositories(db)
    .where(eq(repositories.hostId, sql.placeholder("hostId")))
    .orderBy(repositories.id)
    .prepare(),
);

/** A host's repositories in the order they were made. */
export async function listRepositoryRows(db: Database, hostId: string): Promise<RepositoryRow[]> {
  return repositoriesQuery(db).all({ hostId });
}

export async function loadRepositoryRow(
  db: Database,
  hostId: string,
  repositoryId: string,
): Promise<RepositoryRow | null> {
  const rows = await selectRepositories(db)
    .where(and(eq(repositories.id, repositoryId), eq(repositories.hostId, hostId)))
    .limit(1);
  return rows[0] ?? null;
}

export interface NewCredentials {
  hostId: string;
  repositoryId: string;
  address: string;
  createRepository: boolean;
  /** Sealed for `credentialPlace(repositoryId, "write", oldVersion + 1)`. */
  sealed: string;
  envKeys: readonly string[];
  oldVersion: number;
}

/**
 * Replaces version `oldVersion` and gives the host's configuration a new one; its schedules too when they are to make
 * the repository from now on, or no longer. False when that version is gone.
 */
export async function recordCredentialsChanged(
  db: Database,
  change: NewCredentials,
  audit: AuditEntry,
  at: { nowMs: number; random: RandomBytes },
): Promise<boolean> {
  const [changed] = await db.batch([
    db
      .update(repositoryCredentials)
      .set({
        sealed: change.sealed,
        envKeys: JSON.stringify(change.envKeys),
        version: change.oldVersion + 1,
        updatedAt: at.nowMs,
      })
      .where(
        sql`repository_id = ${change.repositoryId} AND purpose = 'write' AND version = ${change.oldVersion}
          AND EXISTS (SELECT 1 FROM repositories r WHERE r.id = repository_id AND r.host_id = ${change.hostId})`,
      ),
    auditStatement(db, audit, { ...at, ifChanged: true }),
    db
      .update(hosts)
      .set({
        configVersion: sql`config_version + 1`,
        scheduleVersion: sql`schedule_version + (SELECT r.create_repository <> ${change.createRepository ? 1 : 0}
          FROM repositories r WHERE r.id = ${change.repositoryId})`,
      })
      .where(sql`${hosts.id} = ${change.hostId} AND ${isMine(change)}`),
    db
      .update(repositories)
      .set({
        address: change.address,
        createRepository: change.createRepository ? 1 : 0,
        updatedAt: at.nowMs,
      })
      .where(sql`${repositories.id} = ${change.repositoryId} AND ${isMine(change)}`),
  ]);
  return changed.meta.changes > 0;
}

/** Whether the first statement of this batch won: no other change seals to the same text. */
function isMine(change: NewCredentials): SQL {
  return sql`EXISTS (SELECT 1 FROM repository_credentials
    WHERE repository_id = ${change.repositoryId} AND purpose = 'write' AND sealed = ${change.sealed})`;
}

export interface NewAdminCredential {
  hostId: string;
  repositoryId: string;
  /** Kept even when it is the repository's own: this secret stays bound to it when someone changes the repository's. */
  address: string;
  /** Sealed for `credentialPlace(repositoryId, "admin", (oldVersion ?? 0) + 1)`. */
  sealed: string;
  envKeys: readonly string[];
  /** Null when there is none yet. */
  oldVersion: number | null;
}

/** Adds or replaces the second credential. False when another change came first. */
export async function recordAdminCredentialChanged(
  db: Database,
  change: NewAdminCredential,
  audit: AuditEntry,
  at: { nowMs: number; random: RandomBytes },
): Promise<boolean> {
  const { repositoryId, oldVersion } = change;
  const row = {
    address: change.address,
    sealed: change.sealed,
    envKeys: JSON.stringify(change.envKeys),
    version: (oldVersion ?? 0) + 1,
    updatedAt: at.nowMs,
  };
  const owned = sql`EXISTS (SELECT 1 FROM repositories r WHERE r.id = ${repositoryId} AND r.host_id = ${change.hostId})`;
  const known = sql`SELECT 1 FROM repository_credentials WHERE repository_id = ${repositoryId} AND purpose = 'admin'`;
  const write =
    oldVersion === null
      ? insertWhere(
          db,
          repositoryCredentials,
          { ...row, repositoryId, purpose: "admin" },
          sql`${owned} AND NOT EXISTS (${known})`,
        )
      : db
          .update(repositoryCredentials)
          .set(row)
          .where(sql`repository_id = ${repositoryId} AND purpose = 'admin' AND version = ${oldVersion} AND ${owned}`);
  const [changed] = await db.batch([write, auditStatement(db, audit, { ...at, ifChanged: true })]);
  return changed.meta.changes > 0;
}

/** Forgets the second credential. False when there is none. */
export async function recordAdminCredentialRemoved(
  db: Database,
  hostId: string,
  repositoryId: string,
  audit: AuditEntry,
  at: { nowMs: number; random: RandomBytes },
): Promise<boolean> {
  const [removed] = await db.batch([
    db.delete(repositoryCredentials).where(
      sql`repository_id = ${repositoryId} AND purpose = 'admin'
          AND EXISTS (SELECT 1 FROM repositories r WHERE r.id = repository_id AND r.host_id = ${hostId})`,
    ),
    auditStatement(db, audit, { ...at, ifChanged: true }),
  ]);
  return removed.meta.changes > 0;
}

/** What is needed to lend a repository's second credential to its host. */
export interface LendableCredential {
  address: string;
  sealed: string;
  version: number;
  /** The host's public key, to seal to. */
  sealKey: string;
}

/** The second credential of one of a host's repositories; null when it has none. */
export async function loadAdminCredential(
  db: Database,
  hostId: string,
  repositoryId: string,
): Promise<LendableCredential | null> {
  const rows = await db
    .select({
      ownAddress: repositoryCredentials.address,
      address: repositories.address,
      sealed: repositoryCredentials.sealed,
      version: repositoryCredentials.version,
      sealKey: hosts.sealKey,
    })
    .from(repositoryCredentials)
    .innerJoin(repositories, eq(repositories.id, repositoryCredentials.repositoryId))
    .innerJoin(hosts, eq(hosts.id, repositories.hostId))
    .where(
      and(
        eq(repositoryCredentials.repositoryId, repositoryId),
        eq(repositoryCredentials.purpose, "admin"),
        eq(repositories.hostId, hostId),
      ),
    )
    .limit(1);
  if (!rows[0]) return null;
  const { ownAddress, ...rest } = rows[0];
  return { ...rest, address: ownAddress ?? rest.address };
}
