-- Whether a backup schedule reads from a shadow copy of its volumes where the host is Windows; see docs/windows.md.
ALTER TABLE schedules ADD COLUMN fs_snapshot INTEGER NOT NULL DEFAULT 1;
