import type { Fact } from "../core/relay/facts.ts";
import { isTerminal, newHost, newJob, type Job, type KeptHost } from "../core/relay/state.ts";
import type { RelayPlatform } from "./platform.ts";

type Sql = RelayPlatform["storage"]["sql"];

/** The rows of one host but for its log: what the relay knows, its jobs, and the facts still owed to the database. */
export class RelayRows {
  readonly #sql: Sql;
  readonly #hostId: string;

  constructor(sql: Sql, hostId: string) {
    this.#sql = sql;
    this.#hostId = hostId;
  }

  /** The host, the number of its last waiting fact (0 = none), and whether it has open jobs: one look for an idle host. */
  loadHost(): { kept: KeptHost; lastFactNo: number; hasJobs: boolean } {
    const [row] = this.#sql
      .exec(
        `SELECT (SELECT body FROM relay_hosts WHERE host_id = ?) AS body,
           (SELECT max(no) FROM relay_facts WHERE host_id = ?) AS last_no,
           EXISTS (SELECT 1 FROM relay_jobs WHERE host_id = ?) AS has_jobs`,
        this.#hostId,
        this.#hostId,
        this.#hostId,
      )
      .toArray();
    const body = row?.["body"] as string | null;
    return {
      kept: body === null ? newHost() : { ...newHost(), ...(JSON.parse(body) as KeptHost) },
      lastFactNo: (row?.["last_no"] as number | null) ?? 0,
      hasJobs: row?.["has_jobs"] === 1,
    };
  }

  saveHost(kept: KeptHost): void {
    this.#sql.exec(
      "INSERT INTO relay_hosts (host_id, body) VALUES (?, ?) ON CONFLICT (host_id) DO UPDATE SET body = excluded.body",
      this.#hostId,
      JSON.stringify(kept),
    );
  }

  loadOpenJobs(): Job[] {
    return this.#sql
      .exec("SELECT body FROM relay_jobs WHERE host_id = ?", this.#hostId)
      .toArray()
      .map((row) => readJob(row["body"]));
  }

  loadEndedJob(jobId: string): Job | null {
    const [row] = this.#sql
      .exec("SELECT body FROM relay_ended WHERE host_id = ? AND job_id = ?", this.#hostId, jobId)
      .toArray();
    return row ? readJob(row["body"]) : null;
  }

  saveJob(job: Job, nowMs: number): void {
    const body = JSON.stringify(job);
    if (!isTerminal(job)) {
      this.#sql.exec(
        `INSERT INTO relay_jobs (host_id, job_id, body) VALUES (?, ?, ?)
         ON CONFLICT (host_id, job_id) DO UPDATE SET body = excluded.body`,
        this.#hostId,
        job.jobId,
        body,
      );
      return;
    }
    this.#sql.exec("DELETE FROM relay_jobs WHERE host_id = ? AND job_id = ?", this.#hostId, job.jobId);
    this.#sql.exec(
      `INSERT INTO relay_ended (host_id, job_id, ended_at, log_size, body) VALUES (?, ?, ?, -1, ?)
       ON CONFLICT (host_id, job_id) DO UPDATE SET body = excluded.body`,
      this.#hostId,
      job.jobId,
      nowMs,
      body,
    );
  }

  /** Ended jobs whose log is still as it was appended. */
  untidyJobs(): string[] {
    return this.#sql
      .exec("SELECT job_id FROM relay_ended WHERE host_id = ? AND log_size = -1", this.#hostId)
      .toArray()
      .map((row) => row["job_id"] as string);
  }

  noteLogSize(jobId: string, size: number): void {
    this.#sql.exec("UPDATE relay_ended SET log_size = ? WHERE host_id = ? AND job_id = ?", size, this.#hostId, jobId);
  }

  /** Ended jobs that still have a log, oldest verdict first. */
  endedLogs(): { jobId: string; size: number }[] {
    return this.#sql
      .exec(
        "SELECT job_id, log_size FROM relay_ended WHERE host_id = ? AND log_size > 0 ORDER BY ended_at",
        this.#hostId,
      )
      .toArray()
      .map((row) => ({ jobId: row["job_id"] as string, size: row["log_size"] as number }));
  }

  /** Forgets jobs that ended before `beforeMs`; answers which. */
  forgetEnded(beforeMs: number): string[] {
    const old = this.#sql
      .exec("SELECT job_id FROM relay_ended WHERE host_id = ? AND ended_at < ?", this.#hostId, beforeMs)
      .toArray()
      .map((row) => row["job_id"] as string);
    for (const jobId of old)
      this.#sql.exec("DELETE FROM relay_ended WHERE host_id = ? AND job_id = ?", this.#hostId, jobId);
    return old;
  }

  /** Number of the last fact that waits, 0 when none does. */
  lastFactNo(): number {
    const [row] = this.#sql.exec("SELECT max(no) AS no FROM relay_facts WHERE host_id = ?", this.#hostId).toArray();
    return (row?.["no"] as number | null) ?? 0;
  }

  addFact(no: number, fact: Fact): void {
    this.#sql.exec(
      "INSERT INTO relay_facts (host_id, no, body) VALUES (?, ?, ?)",
      this.#hostId,
      no,
      JSON.stringify(fact),
    );
  }

  firstFacts(limit: number): { no: number; fact: Fact }[] {
    return this.#sql
      .exec("SELECT no, body FROM relay_facts WHERE host_id = ? ORDER BY no LIMIT ?", this.#hostId, limit)
      .toArray()
      .map((row) => ({ no: row["no"] as number, fact: JSON.parse(row["body"] as string) as Fact }));
  }

  dropFacts(upToNo: number): void {
    this.#sql.exec("DELETE FROM relay_facts WHERE host_id = ? AND no <= ?", this.#hostId, upToNo);
  }

  /** Everything of this host. */
  wipe(): void {
    for (const table of ["relay_hosts", "relay_jobs", "relay_ended", "relay_log", "relay_facts"])
      this.#sql.exec(`DELETE FROM ${table} WHERE host_id = ?`, this.#hostId);
  }
}

/** A row that an older version of the server wrote lacks what came later. */
function readJob(body: unknown): Job {
  const job = JSON.parse(body as string) as Job;
  return { ...newJob(job), ...job };
}

/**
 * What the start of a process means for every relay in its file: sockets that were live are gone, as of `nowMs`.
 * Answers the hosts that go offline unless they come back, and those with jobs or facts to look after at once.
 */
export function loseAllAgents(sql: Sql, nowMs: number): { online: string[]; busy: string[] } {
  sql.exec(
    `UPDATE relay_hosts SET body = json_set(body, '$.silentSinceMs', ?)
     WHERE json_extract(body, '$.epoch') > 0 AND json_extract(body, '$.silentSinceMs') IS NULL`,
    nowMs,
  );
  const ids = (query: string) =>
    sql
      .exec(query)
      .toArray()
      .map((row) => row["host_id"] as string);
  return {
    online: ids("SELECT host_id FROM relay_hosts WHERE json_extract(body, '$.online')"),
    busy: ids("SELECT host_id FROM relay_facts UNION SELECT host_id FROM relay_jobs"),
  };
}
