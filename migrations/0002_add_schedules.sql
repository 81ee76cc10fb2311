-- Schedules with a cron, retention, limits and hooks ----------------------------------------------------------------
ALTER TABLE schedules ADD COLUMN version INTEGER NOT NULL DEFAULT 1; -- of this row: a second concurrent edit is refused
ALTER TABLE schedules ADD COLUMN cron TEXT;
ALTER TABLE schedules ADD COLUMN time_zone TEXT;
ALTER TABLE schedules ADD COLUMN timed_at INTEGER;    -- when what decides its times last changed; null = updated_at
ALTER TABLE schedules ADD COLUMN spread_minutes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE schedules ADD COLUMN catch_up TEXT NOT NULL DEFAULT 'once';
ALTER TABLE schedules ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';
ALTER TABLE schedules ADD COLUMN retention TEXT;      -- JSON of Retention, backup schedules only
ALTER TABLE schedules ADD COLUMN read_data TEXT;      -- JSON of ReadData, check schedules only
ALTER TABLE schedules ADD COLUMN hooks TEXT;          -- AEAD text; associated data: table, row, column, version
ALTER TABLE schedules ADD COLUMN hooks_version INTEGER NOT NULL DEFAULT 0;
-- When the server's clock fires next: a forget or prune by its cron, a backup schedule's retention after a backup.
ALTER TABLE schedules ADD COLUMN fires_at INTEGER;
ALTER TABLE schedules ADD COLUMN released_plan TEXT;  -- fingerprint that an administrator confirmed, used once
ALTER TABLE schedules ADD COLUMN held_job TEXT;       -- the forget that the guard holds
CREATE INDEX schedules_due ON schedules (fires_at) WHERE fires_at IS NOT NULL;

ALTER TABLE hosts ADD COLUMN hooks TEXT;              -- default hooks of its backups, sealed like a schedule's
ALTER TABLE hosts ADD COLUMN hooks_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE hosts ADD COLUMN hook_shell TEXT NOT NULL DEFAULT '/bin/sh';
ALTER TABLE hosts ADD COLUMN policy TEXT;             -- JSON of HostPolicy, as the agent reports it
ALTER TABLE hosts ADD COLUMN refused_schedules TEXT NOT NULL DEFAULT '[]';
ALTER TABLE hosts ADD COLUMN refused_repositories TEXT NOT NULL DEFAULT '[]';
-- JSON {schedule id: [last at, outcome, job id, last good at]}, changed in the row that each verdict changes anyway.
ALTER TABLE hosts ADD COLUMN schedule_runs TEXT NOT NULL DEFAULT '{}';
ALTER TABLE hosts ADD COLUMN check_failed INTEGER NOT NULL DEFAULT 0;
-- Worst outcome of the UTC day of last_backup_at: 1 succeeded, 2 warnings, 3 failed.
ALTER TABLE hosts ADD COLUMN day_outcome INTEGER NOT NULL DEFAULT 0;
-- Since when a backup is planned at least daily: a later day without one was missed.
ALTER TABLE hosts ADD COLUMN planned_since INTEGER;

-- Days that are over, one row each; today is in the kept columns of hosts.
CREATE TABLE host_days (
  host_id TEXT NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
  day INTEGER NOT NULL,        -- UTC days since 1970
  outcome INTEGER NOT NULL DEFAULT 0,
  duration_ms INTEGER,
  added_bytes INTEGER,
  size_bytes INTEGER,
  stored_bytes INTEGER,        -- of the host's repositories, when they were measured
  PRIMARY KEY (host_id, day)
) WITHOUT ROWID;
CREATE TRIGGER hosts_day_closed AFTER UPDATE OF last_backup_at ON hosts
WHEN old.last_backup_at / 86400000 < new.last_backup_at / 86400000 BEGIN
  INSERT INTO host_days (host_id, day, outcome, duration_ms, added_bytes, size_bytes)
  VALUES (old.id, old.last_backup_at / 86400000, old.day_outcome, old.last_backup_duration_ms,
    old.last_backup_added_bytes, old.size_bytes)
  ON CONFLICT (host_id, day) DO UPDATE SET outcome = max(outcome, excluded.outcome), duration_ms = excluded.duration_ms,
    added_bytes = excluded.added_bytes, size_bytes = excluded.size_bytes;
END;

-- What was found out about repositories -----------------------------------------------------------------------------
ALTER TABLE repositories ADD COLUMN measured_at INTEGER;
ALTER TABLE repositories ADD COLUMN stored_bytes INTEGER;
ALTER TABLE repositories ADD COLUMN uncompressed_bytes INTEGER;
ALTER TABLE repositories ADD COLUMN restore_bytes INTEGER;
ALTER TABLE repositories ADD COLUMN snapshots INTEGER;
ALTER TABLE repositories ADD COLUMN locks TEXT;       -- JSON of RepositoryLock[]
ALTER TABLE repositories ADD COLUMN locks_at INTEGER;
ALTER TABLE repositories ADD COLUMN append_only INTEGER;
ALTER TABLE repositories ADD COLUMN last_check TEXT;  -- JSON of the resource's lastCheck
ALTER TABLE repositories ADD COLUMN last_prune TEXT;
ALTER TABLE repositories ADD COLUMN stats_asked_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX repositories_stats ON repositories (stats_asked_at);

CREATE TABLE fleet_totals (id INTEGER PRIMARY KEY CHECK (id = 1), stored_bytes INTEGER NOT NULL, restore_bytes INTEGER NOT NULL);
INSERT INTO fleet_totals (id, stored_bytes, restore_bytes) VALUES (1, 0, 0);
CREATE TRIGGER repositories_measured AFTER UPDATE OF stored_bytes, restore_bytes ON repositories
WHEN old.stored_bytes IS NOT new.stored_bytes OR old.restore_bytes IS NOT new.restore_bytes BEGIN
  UPDATE fleet_totals SET
    stored_bytes = stored_bytes + coalesce(new.stored_bytes, 0) - coalesce(old.stored_bytes, 0),
    restore_bytes = restore_bytes + coalesce(new.restore_bytes, 0) - coalesce(old.restore_bytes, 0);
END;
CREATE TRIGGER repositories_measured_out AFTER DELETE ON repositories WHEN old.stored_bytes IS NOT NULL BEGIN
  UPDATE fleet_totals SET stored_bytes = stored_bytes - old.stored_bytes,
    restore_bytes = restore_bytes - coalesce(old.restore_bytes, 0);
END;

-- 1 = an administrator released a plan in view of its odd time: it is believed from then on.
ALTER TABLE snapshots ADD COLUMN vouched INTEGER NOT NULL DEFAULT 0;

-- Jobs --------------------------------------------------------------------------------------------------------------
ALTER TABLE jobs ADD COLUMN result TEXT;
ALTER TABLE jobs ADD COLUMN held TEXT;                -- JSON of the resource's held
ALTER TABLE jobs ADD COLUMN released_by TEXT;
ALTER TABLE jobs ADD COLUMN nominal_at INTEGER;
ALTER TABLE jobs ADD COLUMN missed INTEGER NOT NULL DEFAULT 0;
-- For the filters of the list of jobs; a backup that goes well is in none of them.
CREATE INDEX jobs_unwell ON jobs (state, created_at, id) WHERE state NOT IN ('queued', 'running', 'succeeded');
CREATE INDEX jobs_care ON jobs (kind, created_at, id) WHERE kind <> 'backup';
