/** The newest file in migrations/: what a database must have applied before this version of the server may use it. */
export const LATEST_MIGRATION = "0006_add_fs_snapshot.sql";
