/** The newest file in migrations/: what a database must have applied before this version of the server may use it. */
export const LATEST_MIGRATION = "0003_add_pending_hosts.sql";
