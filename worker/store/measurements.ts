import { DAY_MS } from "../../core/schedule/day.ts";
import { sql, type SQL } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import { checkVerdict } from "../../core/jobs/check-verdict.ts";
import type { Fact, JobFact, MeasuredFact } from "../../core/relay/facts.ts";
import type { RepositoryResource } from "../../protocol/api.ts";
import type { Database } from "../bindings.ts";
import { insertWhere } from "./insert-where.ts";
import { hostDays, repositories } from "./schema.ts";

type Statement = BatchItem<"sqlite">;

/**
 * What a fact tells of a repository, as statements for its batch; none for most. Idempotent, and an older fact that
 * lands late changes nothing. A repository of another host is not touched.
 */
export function careWrites(db: Database, hostId: string, fact: Fact): Statement[] {
  if (fact.fact === "measured") return measuredWrites(db, hostId, fact);
  return fact.fact === "job" ? verdictWrites(db, hostId, fact) : [];
}

const isOwn = (hostId: string, repositoryId: string): SQL => sql`id = ${repositoryId} AND host_id = ${hostId}`;

/** Sizes, locks and append-only each have their own time: what a measurement leaves out stays as it was known. */
function measuredWrites(db: Database, hostId: string, { measurement, atMs }: MeasuredFact): Statement[] {
  const { repositoryId, storedBytes, uncompressedBytes, restoreBytes, snapshots, locks, appendOnly } = measurement;
  const own = isOwn(hostId, repositoryId);
  const writes: Statement[] = [];
  const sizes = {
    ...(storedBytes === undefined ? {} : { storedBytes }),
    ...(uncompressedBytes === undefined ? {} : { uncompressedBytes }),
    ...(restoreBytes === undefined ? {} : { restoreBytes }),
    ...(snapshots === undefined ? {} : { snapshots }),
  };
  if (appendOnly !== undefined) {
    const isNew = sql`append_only IS NOT ${appendOnly ? 1 : 0} AND coalesce(measured_at, 0) <= ${atMs}`;
    writes.push(
      db
        .update(repositories)
        .set({ appendOnly: appendOnly ? 1 : 0 })
        .where(sql`${own} AND ${isNew}`),
    );
  }
  if (locks !== undefined) {
    writes.push(
      db
        .update(repositories)
        .set({ locks: JSON.stringify(locks), locksAt: atMs })
        .where(sql`${own} AND coalesce(locks_at, 0) < ${atMs}`),
    );
  }
  if (Object.keys(sizes).length > 0) {
    writes.push(
      db
        .update(repositories)
        .set({ ...sizes, measuredAt: atMs })
        .where(sql`${own} AND coalesce(measured_at, 0) < ${atMs}`),
    );
  }
  if (storedBytes !== undefined) {
    // Of all the host's repositories together, at the end of this batch the newest of each.
    const stored = sql`(SELECT sum(stored_bytes) FROM repositories WHERE host_id = ${hostId})`;
    const measured = sql`EXISTS (SELECT 1 FROM repositories WHERE ${own} AND measured_at = ${atMs})`;
    const day = Math.floor(atMs / DAY_MS);
    writes.push(
      insertWhere(db, hostDays, { hostId, day, storedBytes: stored }, measured).onConflictDoUpdate({
        target: [hostDays.hostId, hostDays.day],
        set: { storedBytes: sql`excluded.stored_bytes` },
        setWhere: sql`host_days.stored_bytes IS NOT excluded.stored_bytes`,
      }),
    );
  }
  return writes;
}

function verdictWrites(db: Database, hostId: string, fact: JobFact): Statement[] {
  const { repositoryId } = fact;
  if (repositoryId === null) return [];
  // The job must be this host's too: two hosts may name the same id (recordFacts).
  const own = sql`${isOwn(hostId, repositoryId)}
    AND EXISTS (SELECT 1 FROM jobs WHERE jobs.id = ${fact.jobId} AND jobs.host_id = ${hostId} AND jobs.state = ${fact.state})`;
  const newer = (column: SQL, atMs: number) => sql`coalesce(json_extract(${column}, '$.atMs'), 0) < ${atMs}`;
  const checked = checkVerdict(fact);
  if (checked) {
    const lastCheck: NonNullable<RepositoryResource["lastCheck"]> = { jobId: fact.jobId, ...checked };
    return [
      db
        .update(repositories)
        .set({ lastCheck: JSON.stringify(lastCheck) })
        .where(sql`${own} AND ${newer(sql`last_check`, checked.atMs)}`),
    ];
  }
  if (fact.kind === "prune" && fact.state === "succeeded") {
    const atMs = Math.min(fact.finishedAtMs ?? fact.receivedAtMs, fact.receivedAtMs);
    const freed = fact.result?.kind === "prune" ? { freedBytes: fact.result.freedBytes } : {};
    const lastPrune: NonNullable<RepositoryResource["lastPrune"]> = { jobId: fact.jobId, atMs, ...freed };
    return [
      db
        .update(repositories)
        .set({ lastPrune: JSON.stringify(lastPrune) })
        .where(sql`${own} AND ${newer(sql`last_prune`, atMs)}`),
    ];
  }
  if ((fact.kind === "prune" || fact.kind === "forget") && fact.failure?.code === "repository.append_only") {
    return [
      db
        .update(repositories)
        .set({ appendOnly: 1 })
        .where(sql`${own} AND append_only IS NOT 1 AND coalesce(measured_at, 0) <= ${fact.receivedAtMs}`),
    ];
  }
  return [];
}
