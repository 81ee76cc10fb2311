-- Users and access -------------------------------------------------------------------------------------------------
CREATE TABLE users (
  id TEXT PRIMARY KEY,
  username TEXT NOT NULL UNIQUE,
  role TEXT NOT NULL CHECK (role IN ('admin', 'operator', 'viewer')),
  password TEXT,               -- argon2id PHC string; null for a user who signs in elsewhere
  issuer TEXT,
  subject TEXT,
  session_epoch INTEGER NOT NULL DEFAULT 1,
  disabled_at INTEGER,
  created_at INTEGER NOT NULL,
  UNIQUE (issuer, subject)
) WITHOUT ROWID;

CREATE TABLE sessions (
  id_hash TEXT PRIMARY KEY,    -- SHA-256 of the cookie's value
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  session_epoch INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  address TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_expiry ON sessions (expires_at);
CREATE INDEX sessions_user ON sessions (user_id);

CREATE TABLE api_tokens (
  id TEXT PRIMARY KEY,
  secret_hash TEXT NOT NULL UNIQUE,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('admin', 'operator', 'viewer')),
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  last_used_at INTEGER
) WITHOUT ROWID;
CREATE INDEX api_tokens_user ON api_tokens (user_id);

-- One row per account and per address that failed to sign in; the delay grows with `failures`.
CREATE TABLE login_delays (
  key TEXT PRIMARY KEY,        -- 'account:<username>@<address>' or 'address:<address>'
  failures INTEGER NOT NULL,
  retry_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;

-- One row while the first administrator is still to be made; the route exists only while it does.
CREATE TABLE bootstrap (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  token_hash TEXT NOT NULL,
  created_at INTEGER NOT NULL
);

-- Hosts ------------------------------------------------------------------------------------------------------------
CREATE TABLE hosts (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  hostname TEXT NOT NULL,      -- fixed at enrolment
  tags TEXT NOT NULL DEFAULT '[]',
  os TEXT NOT NULL,
  arch TEXT NOT NULL,
  agent_version TEXT NOT NULL,
  restic_version TEXT NOT NULL,
  machine_facts TEXT NOT NULL DEFAULT '{}',
  sign_key TEXT NOT NULL UNIQUE,
  seal_key TEXT NOT NULL,
  bearer_hash TEXT NOT NULL UNIQUE,
  config_version INTEGER NOT NULL DEFAULT 0,
  applied_config_version INTEGER NOT NULL DEFAULT 0,
  schedule_version INTEGER NOT NULL DEFAULT 0,
  applied_schedule_version INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  -- presence, written on transitions only; presence_no orders the relay's writes
  online INTEGER NOT NULL DEFAULT 0,
  locked INTEGER NOT NULL DEFAULT 0,
  presence_no INTEGER NOT NULL DEFAULT 0,
  last_seen_at INTEGER,
  clock_skew_ms INTEGER,
  -- kept columns, changed in the batch that changes what they sum up
  severity INTEGER NOT NULL DEFAULT 4, -- rank of the status: 0 failing .. 5 protected
  last_backup_at INTEGER,
  last_backup_job TEXT,
  last_backup_outcome TEXT,
  last_backup_duration_ms INTEGER,
  last_backup_added_bytes INTEGER,
  last_good_backup_at INTEGER,
  protected_until INTEGER,
  size_bytes INTEGER,
  snapshot_count INTEGER NOT NULL DEFAULT 0,
  next_due_at INTEGER
) WITHOUT ROWID;
CREATE INDEX hosts_by_severity ON hosts (severity, name, id);

-- How many hosts have each severity: kept by triggers, so that no page counts.
CREATE TABLE host_counts (severity INTEGER PRIMARY KEY, hosts INTEGER NOT NULL);
INSERT INTO host_counts (severity, hosts) VALUES (0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0);
CREATE TRIGGER hosts_counted_in AFTER INSERT ON hosts BEGIN
  UPDATE host_counts SET hosts = hosts + 1 WHERE severity = new.severity;
END;
CREATE TRIGGER hosts_counted_out AFTER DELETE ON hosts BEGIN
  UPDATE host_counts SET hosts = hosts - 1 WHERE severity = old.severity;
END;
CREATE TRIGGER hosts_counted_over AFTER UPDATE OF severity ON hosts WHEN old.severity <> new.severity BEGIN
  UPDATE host_counts SET hosts = hosts - 1 WHERE severity = old.severity;
  UPDATE host_counts SET hosts = hosts + 1 WHERE severity = new.severity;
END;

CREATE TABLE repositories (
  id TEXT PRIMARY KEY,
  host_id TEXT REFERENCES hosts (id) ON DELETE CASCADE,
  address TEXT NOT NULL,
  create_repository INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  listed_at INTEGER            -- newest listing of its snapshots; a snapshot reported before it and repeated late stays gone
) WITHOUT ROWID;
CREATE INDEX repositories_host ON repositories (host_id);

CREATE TABLE repository_credentials (
  repository_id TEXT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
  purpose TEXT NOT NULL CHECK (purpose IN ('write', 'admin', 'read')),
  address TEXT,                -- when this purpose has an address of its own
  sealed TEXT NOT NULL,        -- AEAD text; associated data: table, row, column, version
  env_keys TEXT NOT NULL DEFAULT '[]',
  version INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (repository_id, purpose)
) WITHOUT ROWID;

CREATE TABLE schedules (
  id TEXT PRIMARY KEY,
  host_id TEXT NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
  repository_id TEXT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  kind TEXT NOT NULL DEFAULT 'backup',
  manual INTEGER NOT NULL DEFAULT 1,
  enabled INTEGER NOT NULL DEFAULT 1,
  paths TEXT NOT NULL,
  excludes TEXT NOT NULL DEFAULT '[]',
  tags TEXT NOT NULL DEFAULT '[]',
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX schedules_host ON schedules (host_id);

CREATE TABLE enrollment_tokens (
  id TEXT PRIMARY KEY,
  secret_hash TEXT NOT NULL UNIQUE,
  host_name TEXT NOT NULL,
  tags TEXT NOT NULL DEFAULT '[]',
  address TEXT NOT NULL,
  create_repository INTEGER NOT NULL DEFAULT 0,
  sealed TEXT,                 -- the repository secret until the token is used; then null
  env_keys TEXT NOT NULL DEFAULT '[]',
  paths TEXT NOT NULL,
  excludes TEXT NOT NULL DEFAULT '[]',
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at INTEGER,
  revoked_at INTEGER,
  host_id TEXT                 -- the host that joined; outlives that host
) WITHOUT ROWID;

-- Jobs and snapshots -----------------------------------------------------------------------------------------------
CREATE TABLE jobs (
  id TEXT PRIMARY KEY,
  host_id TEXT NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  fact_no INTEGER NOT NULL DEFAULT 0, -- orders the relay's writes; 0 = not yet offered to the relay or not yet answered
  source TEXT NOT NULL,
  spec TEXT,                   -- what was asked, without secrets; null for a job the agent fired
  schedule_id TEXT,
  schedule_name TEXT,
  repository_id TEXT,
  asked_by TEXT,
  not_after INTEGER,
  cancel_asked_at INTEGER,
  cancel_asked_by TEXT,
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  finished_at INTEGER,
  received_at INTEGER,
  warnings INTEGER NOT NULL DEFAULT 0,
  failure TEXT,
  last_error TEXT,
  summary TEXT,
  restic_version TEXT
) WITHOUT ROWID;
CREATE INDEX jobs_by_time ON jobs (created_at, id);
CREATE INDEX jobs_by_host ON jobs (host_id, created_at, id);

-- Verdicts per hour, kept by triggers on the guarded state change, so a repeated write counts nothing twice.
CREATE TABLE job_hours (hour INTEGER PRIMARY KEY, succeeded INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0);
CREATE TRIGGER jobs_counted AFTER UPDATE OF state ON jobs
WHEN new.kind = 'backup' AND new.state IN ('succeeded', 'failed') AND old.state NOT IN ('succeeded', 'failed', 'cancelled') BEGIN
  INSERT INTO job_hours (hour, succeeded, failed)
  VALUES (coalesce(new.received_at, new.created_at) / 3600000, new.state = 'succeeded', new.state = 'failed')
  ON CONFLICT (hour) DO UPDATE SET succeeded = succeeded + excluded.succeeded, failed = failed + excluded.failed;
END;
CREATE TRIGGER jobs_counted_at_once AFTER INSERT ON jobs
WHEN new.kind = 'backup' AND new.state IN ('succeeded', 'failed') BEGIN
  INSERT INTO job_hours (hour, succeeded, failed)
  VALUES (coalesce(new.received_at, new.created_at) / 3600000, new.state = 'succeeded', new.state = 'failed')
  ON CONFLICT (hour) DO UPDATE SET succeeded = succeeded + excluded.succeeded, failed = failed + excluded.failed;
END;

-- Time is part of a restic snapshot's identity, so (repository, time, id) is the key (repository, id) in page order.
CREATE TABLE snapshots (
  repository_id TEXT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
  time INTEGER NOT NULL,
  id TEXT NOT NULL,
  host_id TEXT,
  hostname TEXT NOT NULL,
  username TEXT,
  paths TEXT NOT NULL,
  tags TEXT NOT NULL,
  parent TEXT,
  summary TEXT,
  first_seen_at INTEGER NOT NULL,
  PRIMARY KEY (repository_id, time, id)
) WITHOUT ROWID;

CREATE TABLE audit_log (
  id TEXT PRIMARY KEY,         -- UUIDv7: the key is the order
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  actor_kind TEXT NOT NULL,
  actor_id TEXT,
  action TEXT NOT NULL,
  target_kind TEXT NOT NULL,
  target_id TEXT NOT NULL,
  target_name TEXT NOT NULL DEFAULT '',
  address TEXT NOT NULL DEFAULT '',
  detail TEXT NOT NULL DEFAULT '{}'
) WITHOUT ROWID;
