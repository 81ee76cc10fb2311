/**
 * The relay's own storage. Every table carries host_id, so that Node keeps all relays in one file. WITHOUT ROWID: one
 * billed row a write, and the log lies in the order it is read.
 */
export const RELAY_TABLES = [
  `CREATE TABLE IF NOT EXISTS relay_hosts (
    host_id TEXT PRIMARY KEY,
    body TEXT NOT NULL
  ) WITHOUT ROWID`,
  // Jobs without a verdict, as JSON.
  `CREATE TABLE IF NOT EXISTS relay_jobs (
    host_id TEXT NOT NULL,
    job_id TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (host_id, job_id)
  ) WITHOUT ROWID`,
  // Jobs with one, kept 30 days. log_size: stored size of the log; -1 = not compacted yet, 0 = dropped or none.
  `CREATE TABLE IF NOT EXISTS relay_ended (
    host_id TEXT NOT NULL,
    job_id TEXT NOT NULL,
    ended_at INTEGER NOT NULL,
    log_size INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (host_id, job_id)
  ) WITHOUT ROWID`,
  // JSON texts of records with commas between, as text, or deflated as a blob. records < last - first + 1: the mark of
  // a hole. upto: size of the job's log up to and with this row, before compression.
  `CREATE TABLE IF NOT EXISTS relay_log (
    host_id TEXT NOT NULL,
    job_id TEXT NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    records INTEGER NOT NULL,
    upto INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (host_id, job_id, first_seq)
  ) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS relay_facts (
    host_id TEXT NOT NULL,
    no INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (host_id, no)
  ) WITHOUT ROWID`,
] as const;

/** Tables of the fleet feed: which relays hold job sockets of a session. */
export const FEED_TABLES = [
  `CREATE TABLE IF NOT EXISTS feed_job_sockets (
    session_hash TEXT NOT NULL,
    host_id TEXT NOT NULL,
    until_ms INTEGER NOT NULL,
    PRIMARY KEY (session_hash, host_id)
  ) WITHOUT ROWID`,
] as const;
