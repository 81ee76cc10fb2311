import { and, eq, sql, type SQL } from "drizzle-orm";
import type { RandomBytes } from "../../core/ids.ts";
import type { Place } from "../../core/secrets/at-rest.ts";
import type { RepositoryResource } from "../../protocol/api.ts";
import type { Database } from "../bindings.ts";
import { auditStatement, type AuditEntry } from "./audit.ts";
import { hosts, repositories, repositoryCredentials } from "./schema.ts";

type Purpose = "write" | "admin" | "read";

/** Where a repository's sealed secret lives: bound to its row and its version. */
export function credentialPlace(repositoryId: string, purpose: Purpose, version: number): Place {
  return { table: "repository_credentials", row: `${repositoryId}/${purpose}`, column: "sealed", version };
}

function selectRepositories(db: Database) {
  return db
    .select({
      id: repositories.id,
      address: repositories.address,
      createRepository: repositories.createRepository,
      updatedAt: repositories.updatedAt,
      sealed: repositoryCredentials.sealed,
      envKeys: repositoryCredentials.envKeys,
      version: repositoryCredentials.version,
    })
    .from(repositories)
    .leftJoin(
      repositoryCredentials,
      and(eq(repositoryCredentials.repositoryId, repositories.id), eq(repositoryCredentials.purpose, "write")),
    );
}
/** A repository with its write credential; `sealed` stays on the server. */
export type RepositoryRow = Awaited<ReturnType<typeof selectRepositories>>[number];

export function repositoryResource(row: RepositoryRow): RepositoryResource {
  return {
    id: row.id,
    address: row.address,
    createRepository: row.createRepository === 1,
    hasPassword: row.sealed !== null,
    envKeys: JSON.parse(row.envKeys ?? "[]") as string[],
    credentialVersion: row.version ?? 0,
    updatedAtMs: row.updatedAt,
  };
}

/** A host's repositories in the order they were made. */
export async function listRepositoryRows(db: Database, hostId: string): Promise<RepositoryRow[]> {
  return selectRepositories(db).where(eq(repositories.hostId, hostId)).orderBy(repositories.id);
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

/** Replaces version `oldVersion` and gives the host's configuration a new one. False when that version is gone. */
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
      .update(repositories)
      .set({
        address: change.address,
        createRepository: change.createRepository ? 1 : 0,
        updatedAt: at.nowMs,
      })
      .where(sql`${repositories.id} = ${change.repositoryId} AND ${isMine(change)}`),
    db
      .update(hosts)
      .set({ configVersion: sql`config_version + 1` })
      .where(sql`${hosts.id} = ${change.hostId} AND ${isMine(change)}`),
  ]);
  return changed.meta.changes > 0;
}

/** Whether the first statement of this batch won: no other change seals to the same text. */
function isMine(change: NewCredentials): SQL {
  return sql`EXISTS (SELECT 1 FROM repository_credentials
    WHERE repository_id = ${change.repositoryId} AND purpose = 'write' AND sealed = ${change.sealed})`;
}
