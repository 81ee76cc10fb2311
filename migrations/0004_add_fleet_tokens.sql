-- Enrolment tokens for many hosts; see docs/decisions/0017. For them host_name is what people call the token, address
-- holds {hostname}, sealed the storage keys without a password, and host_id the last host that joined.
ALTER TABLE enrollment_tokens ADD COLUMN max_uses INTEGER NOT NULL DEFAULT 1;
ALTER TABLE enrollment_tokens ADD COLUMN uses INTEGER NOT NULL DEFAULT 0;
ALTER TABLE enrollment_tokens ADD COLUMN schedule TEXT; -- JSON of FleetSchedule; null = a manual one of paths and excludes
UPDATE enrollment_tokens SET uses = 1 WHERE used_at IS NOT NULL;

-- Who joined with a fleet token. A row outlives its host, so that no other host is ever given its repository.
CREATE TABLE enrollment_joins (
  token_id TEXT NOT NULL,
  host_id TEXT NOT NULL,       -- made in the order of time
  host_name TEXT NOT NULL,
  repository_address TEXT NOT NULL,
  address TEXT NOT NULL,       -- it joined from
  at INTEGER NOT NULL,
  PRIMARY KEY (token_id, host_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX enrollment_joins_repository ON enrollment_joins (repository_address);
CREATE INDEX repositories_address ON repositories (address);
