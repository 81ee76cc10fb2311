-- Agents without a token that wait to be let in; see docs/decisions/0016. A row goes an hour after it came.
CREATE TABLE pending_hosts (
  id TEXT PRIMARY KEY,
  sign_key TEXT NOT NULL UNIQUE,
  seal_key TEXT NOT NULL,
  fingerprint TEXT NOT NULL,   -- SHA-256 of the sign key in hex
  hostname TEXT NOT NULL,
  os TEXT NOT NULL,
  arch TEXT NOT NULL,
  agent_version TEXT NOT NULL,
  restic_version TEXT NOT NULL,
  machine_facts TEXT NOT NULL,
  address TEXT NOT NULL,       -- of the first announcement
  first_seen_at INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'accepted', 'rejected')),
  host_id TEXT                 -- of an accepted one
) WITHOUT ROWID;
CREATE INDEX pending_hosts_expiry ON pending_hosts (expires_at);

-- Announcements of one address since started_at, an IPv6 /64 being one address.
CREATE TABLE announce_windows (
  address TEXT PRIMARY KEY,
  started_at INTEGER NOT NULL,
  count INTEGER NOT NULL
) WITHOUT ROWID;
