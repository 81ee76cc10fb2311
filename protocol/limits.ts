/** Numbers both ends of a wire must agree on. Units are in the names. */
export const PROTOCOL_VERSION = 1;
export const PROTOCOL_MIN = 1;
export const AGENT_SUBPROTOCOL = "rm.1";
export const BROWSER_SUBPROTOCOL = "rm.browser.1";
/** A browser offers its grant as a second subprotocol with this prefix, so that it is in no URL and no log. */
export const GRANT_SUBPROTOCOL_PREFIX = "rm.grant.";

export const MAX_FRAME_BYTES = 256 * 1024;
export const MAX_BODY_BYTES = 1024 * 1024;
export const MAX_STRING_BYTES = 4 * 1024;
export const MAX_LINE_BYTES = 16 * 1024;
/** Paths, excludes and tags of one schedule together, as JSON: a job that carries them stays far below a frame. */
export const MAX_SCHEDULE_BYTES = 64 * 1024;
export const MAX_RECORDS_PER_FRAME = 2000;
export const MAX_JOBS_IN_HELLO = 500;
export const MAX_SCHEDULES = 50;
export const MAX_PATHS = 500;
/** Snapshots one forget may name; a longer plan is carried out in several. */
export const MAX_FORGET_IDS = 2500;
export const MAX_SPREAD_MINUTES = 1440;
export const MAX_BAD_FRAMES = 10;

/** Agent batches log lines to whichever comes first (ARCHITECTURE section 5). */
export const BATCH_MS = 100;
export const BATCH_BYTES = 16 * 1024;
export const IN_FLIGHT_BYTES = 1024 * 1024;
export const SPOOL_CAP_BYTES = 256 * 1024 * 1024;
export const SPOOL_FACT_RESERVE_BYTES = 4 * 1024 * 1024;
export const SPOOL_RESUME_SHARE = 0.75;
export const PROGRESS_INTERVAL_MS = 1000;

export const PING_TEXT = "rm-ping";
export const PONG_TEXT = "rm-pong";
export const PING_AFTER_MS = 25_000;
export const PONG_WITHIN_MS = 20_000;
export const OFFLINE_AFTER_MS = 90_000;
export const HELLO_WITHIN_MS = 10_000;
export const START_NOT_AFTER_MS = 10 * 60_000;
/** A job that the fleet clock fired waits so long for a host that left just then; a click waits only the above. */
export const FIRED_NOT_AFTER_MS = 24 * 3600_000;
export const RESEND_FIRST_MS = 30_000;
export const RESEND_MAX_MS = 4 * 60_000;
export const ACK_STALL_MS = 30_000;
export const LEASE_MS = 10 * 60_000;
export const HOST_LOST_MS = 30 * 24 * 3600_000;
export const SUMMARY_KEEP_MS = 30 * 24 * 3600_000;
export const BACKOFF_FIRST_MS = 1_000;
export const BACKOFF_MAX_MS = 60_000;
export const BACKOFF_RESET_AFTER_MS = 30_000;
/** Floor of the back-off after a refusal that time alone will not cure (4403, 4423, 4426). */
export const BACKOFF_REFUSED_MS = 5 * 60_000;

/** Browser job streams: `seen` every 64 KiB, stopped past 1 MiB unseen. */
export const BROWSER_SEEN_EVERY_BYTES = 64 * 1024;
export const BROWSER_WINDOW_BYTES = 1024 * 1024;
export const GRANT_TTL_MS = 60_000;
export const CHUNK_BYTES = 64 * 1024;
/** Job logs kept per host; whole jobs leave, oldest first. */
export const LOG_KEEP_BYTES = 64 * 1024 * 1024;
export const ENROLLMENT_TTL_MS = 3600_000;
/** Grace of a schedule that is overdue: the greater of a quarter of an hour and this share of its interval. */
export const LATE_GRACE_MS = 15 * 60_000;
export const LATE_GRACE_SHARE = 0.1;
/** How long a job waits for a lock that another live restic holds. */
export const LOCK_WAIT_MS = 30 * 60_000;
/** The forget guard: more than this share, and at least so many snapshots, at once is held. */
export const GUARD_SHARE = 0.2;
export const GUARD_COUNT = 3;
/** A snapshot whose claimed time lies further than this from when the server first saw it is not believed. */
export const GUARD_TIME_MS = 24 * 3600_000;
/** A host without a schedule is protected while its last good backup is younger than this. */
export const PROTECTED_FOR_MS = 7 * 24 * 3600_000;

/** Close codes of the agent and browser sockets (PROTOCOL section 2). */
export const CLOSE = {
  badFrame: 4400,
  badProof: 4401,
  revoked: 4403,
  silent: 4408,
  superseded: 4409,
  tooBig: 4413,
  locked: 4423,
  protocolMismatch: 4426,
  slowDown: 4429,
} as const;
