import { sql, type SQL } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import { protectedUntilMs } from "../../core/hosts/status.ts";
import type { RandomBytes } from "../../core/ids.ts";
import { backupVerdict, type BackupVerdict } from "../../core/jobs/backup-verdict.ts";
import type {
  AppliedFact,
  Fact,
  JobFact,
  LockedFact,
  PresenceFact,
  SnapshotFact,
  SnapshotsListedFact,
} from "../../core/relay/facts.ts";
import type { FleetMessage } from "../../protocol/stream.ts";
import type { Database } from "../bindings.ts";
import { auditStatement } from "./audit.ts";
import { loadHost } from "./hosts.ts";
import { insertWhere } from "./insert-where.ts";
import { hosts, jobs, repositories, snapshots } from "./schema.ts";
import { refreshSeverityStatement } from "./severity.ts";

/** D1 runs a batch as one transaction within one time limit: small ones keep others from waiting. */
const MAX_STATEMENTS = 30;
/** D1 takes no text over 2 MB (developers.cloudflare.com/d1/platform/limits); of these units each is at most 3 bytes. */
const MAX_RUN_UNITS = 512 * 1024;
/** The two statements about the host that may end a batch: its snapshot count and its severity. */
const CLOSING_STATEMENTS = 2;

type Statement = BatchItem<"sqlite">;

interface Clock {
  nowMs: number;
  random: RandomBytes;
}

/** What one fact, or a run of snapshots, writes. */
interface Write {
  statements: [Statement, ...Statement[]];
  /** Told to the dashboards when the first statement changed a row. */
  message?: FleetMessage;
  counts: "snapshots" | "severity" | null;
}

/**
 * Writes what a relay says of its host, in order; whatever is repeated or lands late takes no second effect. Answers
 * what the dashboards should be told. Facts of a host that is gone, and of another host's jobs or repositories, change
 * nothing. Throws when the database does.
 */
export async function recordFacts(
  db: Database,
  hostId: string,
  facts: readonly Fact[],
  clock: Clock,
): Promise<FleetMessage[]> {
  const messages = new Map<string, FleetMessage>();
  let changed = false;
  for (const writes of inBatches(writesOf(db, hostId, facts, clock))) {
    const statements = writes.flatMap((write) => write.statements);
    if (writes.some((write) => write.counts === "snapshots")) statements.push(countSnapshotsStatement(db, hostId));
    if (writes.some((write) => write.counts === "severity"))
      statements.push(refreshSeverityStatement(db, sql`${hosts.id} = ${hostId}`, clock.nowMs));
    const results = (await db.batch(statements as [Statement, ...Statement[]])) as { meta: { changes: number } }[];
    changed ||= results.some((result) => result.meta.changes > 0);
    let at = 0;
    for (const { statements: own, message } of writes) {
      if (message?.type === "jobChanged" && results[at]!.meta.changes > 0) messages.set(message.jobId, message);
      at += own.length;
    }
  }
  const host = changed ? await loadHost(db, hostId, clock.nowMs) : null;
  return host ? [{ type: "hostChanged", host }, ...messages.values()] : [];
}

function* inBatches(writes: readonly Write[]): Generator<Write[]> {
  let batch: Write[] = [];
  let size = 0;
  for (const write of writes) {
    if (batch.length > 0 && size + write.statements.length > MAX_STATEMENTS - CLOSING_STATEMENTS) {
      yield batch;
      batch = [];
      size = 0;
    }
    batch.push(write);
    size += write.statements.length;
  }
  if (batch.length > 0) yield batch;
}

function writesOf(db: Database, hostId: string, facts: readonly Fact[], clock: Clock): Write[] {
  const writes: Write[] = [];
  for (let i = 0; i < facts.length; i++) {
    const fact = facts[i]!;
    switch (fact.fact) {
      case "job":
        writes.push(jobWrite(db, hostId, fact));
        break;
      case "snapshot": {
        const run = [fact];
        let units = unitsOf(fact);
        for (let next = facts[i + 1]; next?.fact === "snapshot"; next = facts[i + 1]) {
          units += unitsOf(next);
          if (next.repositoryId !== fact.repositoryId || units > MAX_RUN_UNITS) break;
          run.push(next);
          i++;
        }
        writes.push(snapshotsWrite(db, hostId, fact.repositoryId, run));
        break;
      }
      case "snapshotsListed":
        writes.push(listedWrite(db, hostId, fact));
        break;
      case "presence":
        writes.push(presenceWrite(db, hostId, fact));
        break;
      case "applied":
        writes.push(appliedWrite(db, hostId, fact));
        break;
      case "measured":
        break;
      case "locked":
        writes.push(lockedWrite(db, hostId, fact, clock));
        break;
    }
  }
  return writes;
}

function unitsOf(fact: SnapshotFact): number {
  return JSON.stringify(fact.snapshot).length;
}

/** `fact_no` decides between two writes of one job, and its host between two hosts that name the same id. */
function jobWrite(db: Database, hostId: string, fact: JobFact): Write {
  const row = {
    state: fact.state,
    factNo: fact.factNo,
    startedAt: fact.startedAtMs,
    finishedAt: fact.finishedAtMs,
    receivedAt: fact.receivedAtMs,
    warnings: fact.warnings,
    failure: fact.failure === null ? null : JSON.stringify(fact.failure),
    lastError: fact.lastError,
    summary: fact.summary === null ? null : JSON.stringify(fact.summary),
    result: fact.result === null ? null : JSON.stringify(fact.result),
    resticVersion: fact.resticVersion,
  };
  const upsert = insertWhere(
    db,
    jobs,
    {
      ...row,
      id: fact.jobId,
      hostId,
      kind: fact.kind,
      source: fact.source,
      scheduleId: fact.scheduleId,
      scheduleName: sql`(SELECT name FROM schedules WHERE id = ${fact.scheduleId} AND host_id = ${hostId})`,
      repositoryId: fact.repositoryId,
      createdAt: fact.createdAtMs,
      nominalAt: fact.nominalMs,
      missed: fact.missed,
    },
    sql`EXISTS (SELECT 1 FROM ${hosts} WHERE id = ${hostId})`,
  ).onConflictDoUpdate({
    target: jobs.id,
    set: row,
    setWhere: sql`excluded.fact_no > jobs.fact_no AND excluded.host_id = jobs.host_id`,
  });
  const verdict = backupVerdict(fact);
  return {
    statements: verdict ? [upsert, verdictStatement(db, hostId, fact, verdict)] : [upsert],
    message: { type: "jobChanged", hostId, jobId: fact.jobId, kind: fact.kind, state: fact.state },
    counts: verdict ? "severity" : null,
  };
}

/**
 * The kept columns of a host after a backup, in one row written. A verdict that comes after a newer one changes
 * nothing, except that an older success may still be the last good one.
 */
function verdictStatement(db: Database, hostId: string, fact: JobFact, verdict: BackupVerdict) {
  const known = sql`EXISTS (SELECT 1 FROM ${jobs} WHERE id = ${fact.jobId} AND host_id = ${hostId} AND state = ${fact.state})`;
  const newest = sql`(last_backup_at IS NULL OR (last_backup_at, last_backup_job) < (${verdict.atMs}, ${fact.jobId}))`;
  const newestGood =
    verdict.outcome === "failed" ? sql`0` : sql`(last_good_backup_at IS NULL OR last_good_backup_at < ${verdict.atMs})`;
  const unless = (when: SQL, column: SQL, value: number | string | null) =>
    sql`CASE WHEN ${when} THEN ${value} ELSE ${column} END`;
  return db
    .update(hosts)
    .set({
      lastBackupAt: unless(newest, sql`last_backup_at`, verdict.atMs),
      lastBackupJob: unless(newest, sql`last_backup_job`, fact.jobId),
      lastBackupOutcome: unless(newest, sql`last_backup_outcome`, verdict.outcome),
      lastBackupDurationMs: unless(newest, sql`last_backup_duration_ms`, verdict.durationMs),
      lastBackupAddedBytes: unless(newest, sql`last_backup_added_bytes`, verdict.addedBytes),
      lastGoodBackupAt: unless(newestGood, sql`last_good_backup_at`, verdict.atMs),
      protectedUntil: unless(newestGood, sql`protected_until`, protectedUntilMs(verdict.atMs)),
      sizeBytes: unless(newestGood, sql`size_bytes`, verdict.sizeBytes),
      snapshotCount: countOf(hostId),
    })
    .where(sql`${hosts.id} = ${hostId} AND ${known} AND (${newest} OR ${newestGood})`);
}

/** Rows of this host's repositories: a range of the primary key for each. */
function countOf(hostId: string): SQL {
  return sql`(SELECT count(*) FROM repositories r JOIN snapshots s ON s.repository_id = r.id WHERE r.host_id = ${hostId})`;
}

function countSnapshotsStatement(db: Database, hostId: string) {
  const count = countOf(hostId);
  return db
    .update(hosts)
    .set({ snapshotCount: count })
    .where(sql`${hosts.id} = ${hostId} AND snapshot_count <> ${count}`);
}

/** One statement for a run of snapshots of one repository. One that a newer listing already knew to be gone stays gone. */
function snapshotsWrite(db: Database, hostId: string, repositoryId: string, run: readonly SnapshotFact[]): Write {
  const rows = run.map(({ snapshot, atMs }) => ({
    ...snapshot,
    atMs,
    paths: JSON.stringify(snapshot.paths),
    tags: JSON.stringify(snapshot.tags),
    summary: snapshot.summary === undefined ? null : JSON.stringify(snapshot.summary),
  }));
  const field = (name: string) => sql`json_extract(new.value, ${`$.${name}`})`;
  const insert = db
    .insert(snapshots)
    .select(
      sql`SELECT r.id, ${field("timeMs")}, ${field("id")}, CASE WHEN h.hostname = ${field("hostname")} THEN h.id END,
        ${field("hostname")}, ${field("username")}, ${field("paths")}, ${field("tags")}, ${field("parent")},
        ${field("summary")}, ${field("atMs")}, 0
      FROM json_each(${JSON.stringify(rows)}) AS new
        JOIN repositories r ON r.id = ${repositoryId} AND r.host_id = ${hostId}
        JOIN hosts h ON h.id = r.host_id
      WHERE r.listed_at IS NULL OR r.listed_at <= ${field("atMs")}`,
    )
    .onConflictDoNothing();
  return { statements: [insert], counts: "snapshots" };
}

/** What the repository no longer holds leaves, except what was first seen after the listing was made. */
function listedWrite(db: Database, hostId: string, fact: SnapshotsListedFact): Write {
  const own = sql`(SELECT id FROM repositories WHERE id = ${fact.repositoryId} AND host_id = ${hostId})`;
  const remove = db.delete(snapshots).where(
    sql`repository_id = ${own} AND time BETWEEN ${fact.fromMs} AND ${fact.toMs} AND first_seen_at <= ${fact.atMs}
        AND id NOT IN (SELECT value FROM json_each(${JSON.stringify(fact.ids)}))`,
  );
  const note = db
    .update(repositories)
    .set({ listedAt: fact.atMs })
    .where(sql`id = ${fact.repositoryId} AND host_id = ${hostId} AND coalesce(listed_at, 0) < ${fact.atMs}`);
  return { statements: [remove, note], counts: "snapshots" };
}

function presenceWrite(db: Database, hostId: string, fact: PresenceFact): Write {
  const about = fact.about && {
    agentVersion: fact.about.agentVersion,
    resticVersion: fact.about.resticVersion,
    os: fact.about.os,
    arch: fact.about.arch,
    machineFacts: JSON.stringify(fact.about.machineFacts),
    clockSkewMs: fact.about.clockSkewMs,
    // Whichever is newer, this or schedule.applied (PROTOCOL section 7): then their order does not matter.
    appliedScheduleVersion: sql`max(applied_schedule_version, ${fact.about.scheduleVersion})`,
    appliedConfigVersion: sql`max(applied_config_version, ${fact.about.configVersion})`,
  };
  const update = db
    .update(hosts)
    .set({ ...about, online: fact.online ? 1 : 0, lastSeenAt: fact.atMs, presenceNo: fact.no })
    .where(sql`${hosts.id} = ${hostId} AND presence_no < ${fact.no}`);
  return { statements: [update], counts: "severity" };
}

function appliedWrite(db: Database, hostId: string, fact: AppliedFact): Write {
  const [set, column] =
    fact.what === "config"
      ? [{ appliedConfigVersion: fact.version }, sql`applied_config_version`]
      : [{ appliedScheduleVersion: fact.version }, sql`applied_schedule_version`];
  const update = db
    .update(hosts)
    .set(set)
    .where(sql`${hosts.id} = ${hostId} AND ${column} < ${fact.version}`);
  return { statements: [update], counts: null };
}

function lockedWrite(db: Database, hostId: string, fact: LockedFact, clock: Clock): Write {
  const update = db
    .update(hosts)
    .set({ locked: fact.locked ? 1 : 0, presenceNo: fact.no })
    .where(sql`${hosts.id} = ${hostId} AND presence_no < ${fact.no}`);
  const audit = auditStatement(
    db,
    {
      actor: "server",
      actorKind: "server",
      actorId: null,
      action: fact.locked ? "host.lock" : "host.unlock",
      targetKind: "host",
      targetId: hostId,
      address: "",
      detail: { why: fact.why },
    },
    { ...clock, ifChanged: true },
  );
  return { statements: [update, audit], counts: null };
}
