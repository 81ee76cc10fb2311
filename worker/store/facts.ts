import { sql, type SQL } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import { isVerdict } from "../../core/hosts/after-verdict.ts";
import type { RandomBytes } from "../../core/ids.ts";
import type {
  AppliedFact,
  ClaimsFact,
  Fact,
  JobFact,
  LockedFact,
  PresenceFact,
  SnapshotFact,
  SnapshotsListedFact,
} from "../../core/relay/facts.ts";
import { TERMINAL_STATES, type FleetMessage } from "../../protocol/stream.ts";
import type { Database } from "../bindings.ts";
import { auditStatement } from "./audit.ts";
import { loadHost } from "./hosts.ts";
import { insertWhere } from "./insert-where.ts";
import { keptWrites } from "./kept.ts";
import { careWrites } from "./measurements.ts";
import { hosts, jobs, repositories, schedules, snapshots } from "./schema.ts";
import { refreshSeverityStatement } from "./severity.ts";

/** D1 runs a batch as one transaction within one time limit: small ones keep others from waiting. */
const MAX_STATEMENTS = 30;
/** D1 takes no text over 2 MB (developers.cloudflare.com/d1/platform/limits); of these units each is at most 3 bytes. */
const MAX_RUN_UNITS = 512 * 1024;
/** The statements about the host that may end a batch: its kept columns, days, snapshot count, checks and severity. */
const CLOSING_STATEMENTS = 8;
/** Only an edit of the host's schedules, or a turn of its relay that was thought dead, comes in between. */
const MAX_ATTEMPTS = 5;

type Statement = BatchItem<"sqlite">;

interface Clock {
  nowMs: number;
  random: RandomBytes;
}

/** What one fact, or a run of snapshots, writes. */
interface Write {
  statements: Statement[];
  /** Told to the dashboards when the first statement changed a row. */
  message?: FleetMessage;
  counts: ReadonlySet<"snapshots" | "severity" | "checks">;
  /** A job's verdict, kept on its host. */
  verdict?: JobFact;
}

const NOTHING: Write["counts"] = new Set();
const SNAPSHOTS: Write["counts"] = new Set(["snapshots"]);
const SEVERITY: Write["counts"] = new Set(["severity"]);
const CHECKS: Write["counts"] = new Set(["checks", "severity"]);

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
    const results = await commit(db, hostId, writes, clock);
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

type Written = { meta: { changes: number } };

/**
 * One batch: what was said, then what follows from it for the host. That is decided from what was read before, so it
 * is written only if nothing changed in between, and else decided anew: the rest is in by then.
 */
async function commit(db: Database, hostId: string, writes: readonly Write[], clock: Clock): Promise<Written[]> {
  const said = writes.flatMap((write) => write.statements);
  const verdicts = writes.flatMap((write) => write.verdict ?? []);
  const first: Written[] = [];
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const kept = verdicts.length === 0 ? null : await keptWrites(db, hostId, verdicts, countOf(hostId), clock.nowMs);
    const own = attempt === 0 ? said : [];
    const statements = [...(kept ? [kept.holds] : []), ...own, ...(kept?.statements ?? [])];
    if (writes.some((write) => write.counts.has("snapshots"))) statements.push(countSnapshotsStatement(db, hostId));
    if (writes.some((write) => write.counts.has("checks"))) statements.push(checkFailedStatement(db, hostId));
    if (kept || writes.some((write) => write.counts.has("severity")))
      statements.push(refreshSeverityStatement(db, sql`${hosts.id} = ${hostId}`, clock.nowMs));
    if (statements.length === 0) return first;
    const results = (await db.batch(statements as [Statement, ...Statement[]])) as unknown[];
    const held = kept === null || (results.shift() as unknown[]).length > 0;
    first.push(...(results as Written[]));
    if (held) return first;
  }
  throw new Error("the host's row changed at every attempt to note its jobs' verdicts");
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
        writes.push({ statements: careWrites(db, hostId, fact), counts: NOTHING });
        break;
      case "locked":
        writes.push(lockedWrite(db, hostId, fact, clock));
        break;
      case "claims":
        writes.push(claimsWrite(db, hostId, fact, clock));
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
  return {
    statements: [
      upsert,
      ...(fact.kind === "forget" ? [notHeldStatement(db, hostId, fact)] : []),
      ...careWrites(db, hostId, fact),
    ],
    message: { type: "jobChanged", hostId, jobId: fact.jobId, kind: fact.kind, state: fact.state },
    counts: fact.kind === "check" && TERMINAL_STATES.has(fact.state) ? CHECKS : NOTHING,
    ...(isVerdict(fact) ? { verdict: fact } : {}),
  };
}

/** A forget of which its relay speaks is held no longer, also where its release was taken for a failure. */
function notHeldStatement(db: Database, hostId: string, { jobId }: JobFact) {
  return db
    .update(schedules)
    .set({ heldJob: null })
    .where(
      sql`host_id = ${hostId} AND held_job = ${jobId} AND NOT EXISTS (SELECT 1 FROM jobs WHERE id = ${jobId} AND state = 'held')`,
    );
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

/** Whether the latest check of any of the host's repositories failed. */
function checkFailedStatement(db: Database, hostId: string) {
  const failed = sql`EXISTS (SELECT 1 FROM repositories r WHERE r.host_id = ${hostId} AND json_extract(r.last_check, '$.ok') = 0)`;
  return db
    .update(hosts)
    .set({ checkFailed: failed })
    .where(sql`${hosts.id} = ${hostId} AND check_failed <> ${failed}`);
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
  return { statements: [insert], counts: SNAPSHOTS };
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
  return { statements: [remove, note], counts: SNAPSHOTS };
}

function presenceWrite(db: Database, hostId: string, fact: PresenceFact): Write {
  const about = fact.about && {
    agentVersion: fact.about.agentVersion,
    resticVersion: fact.about.resticVersion,
    os: fact.about.os,
    arch: fact.about.arch,
    machineFacts: JSON.stringify(fact.about.machineFacts),
    clockSkewMs: fact.about.clockSkewMs,
    policy: fact.about.policy === null ? null : JSON.stringify(fact.about.policy),
    // As schedule.applied says it, and in order with it (PROTOCOL section 7).
    ...appliedColumns("schedule", fact.about.scheduleVersion, null),
    ...appliedColumns("config", fact.about.configVersion, null),
  };
  const update = db
    .update(hosts)
    .set({ ...about, online: fact.online ? 1 : 0, lastSeenAt: fact.atMs, presenceNo: fact.no })
    .where(sql`${hosts.id} = ${hostId} AND presence_no < ${fact.no}`);
  return { statements: [update], counts: SEVERITY };
}

/** Null for `refused`: the agent said its version alone, so what it refused is known only while that is the same. */
function appliedColumns(what: AppliedFact["what"], version: number, refused: AppliedFact["refused"]) {
  const told = refused === null ? null : JSON.stringify(refused);
  const column = (versionColumn: SQL, refusedColumn: SQL) =>
    told ?? sql`CASE WHEN ${versionColumn} = ${version} THEN ${refusedColumn} ELSE '[]' END`;
  if (what === "config") {
    const refusedRepositories = column(sql`applied_config_version`, sql`refused_repositories`);
    return { appliedConfigVersion: version, refusedRepositories };
  }
  const refusedSchedules = column(sql`applied_schedule_version`, sql`refused_schedules`);
  return { appliedScheduleVersion: version, refusedSchedules };
}

function appliedWrite(db: Database, hostId: string, fact: AppliedFact): Write {
  const update = db
    .update(hosts)
    .set({ ...appliedColumns(fact.what, fact.version, fact.refused), presenceNo: fact.no })
    .where(sql`${hosts.id} = ${hostId} AND presence_no < ${fact.no}`);
  return { statements: [update], counts: NOTHING };
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
  return { statements: [update, audit], counts: NOTHING };
}

/** A choice is in the audit log exactly when it has taken effect. */
function claimsWrite(db: Database, hostId: string, fact: ClaimsFact, clock: Clock): Write {
  const { claimants, chosenBy } = fact;
  const update = db
    .update(hosts)
    .set({ claimants: JSON.stringify(claimants), presenceNo: fact.no })
    .where(sql`${hosts.id} = ${hostId} AND presence_no < ${fact.no}`);
  if (chosenBy === null) return { statements: [update], counts: NOTHING };
  const chosen = claimants.find(({ standing }) => standing === "chosen");
  const audit = auditStatement(
    db,
    {
      ...chosenBy,
      action: "host.choose_machine",
      targetKind: "host",
      targetId: hostId,
      detail: { hostname: chosen?.facts["hostname"], from: chosen?.address, join: chosen?.join },
    },
    { ...clock, ifChanged: true },
  );
  return { statements: [update, audit], counts: NOTHING };
}
