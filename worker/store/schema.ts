import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { Role } from "../../protocol/api.ts";
import type { ScheduleKind } from "../../protocol/schedule.ts";
import type { JobState } from "../../protocol/stream.ts";
import type { JobKind } from "../../protocol/wire.ts";

/** The tables of migrations/, as drizzle sees them. Text, integer and real only; booleans are 0 and 1; times are ms UTC. */

export const users = sqliteTable("users", {
  id: text().primaryKey(),
  username: text().notNull(),
  role: text().$type<Role>().notNull(),
  password: text(),
  issuer: text(),
  subject: text(),
  sessionEpoch: integer("session_epoch").notNull().default(1),
  disabledAt: integer("disabled_at"),
  createdAt: integer("created_at").notNull(),
});

export const sessions = sqliteTable("sessions", {
  idHash: text("id_hash").primaryKey(),
  userId: text("user_id").notNull(),
  sessionEpoch: integer("session_epoch").notNull(),
  createdAt: integer("created_at").notNull(),
  expiresAt: integer("expires_at").notNull(),
  address: text().notNull(),
});

export const apiTokens = sqliteTable("api_tokens", {
  id: text().primaryKey(),
  secretHash: text("secret_hash").notNull(),
  userId: text("user_id").notNull(),
  name: text().notNull(),
  role: text().$type<Role>().notNull(),
  createdAt: integer("created_at").notNull(),
  expiresAt: integer("expires_at"),
  lastUsedAt: integer("last_used_at"),
});

export const loginDelays = sqliteTable("login_delays", {
  key: text().primaryKey(),
  failures: integer().notNull(),
  retryAt: integer("retry_at").notNull(),
  expiresAt: integer("expires_at").notNull(),
});

export const bootstrap = sqliteTable("bootstrap", {
  id: integer().primaryKey(),
  tokenHash: text("token_hash").notNull(),
  createdAt: integer("created_at").notNull(),
});

export const hosts = sqliteTable("hosts", {
  id: text().primaryKey(),
  name: text().notNull(),
  hostname: text().notNull(),
  tags: text().notNull().default("[]"),
  os: text().notNull(),
  arch: text().notNull(),
  agentVersion: text("agent_version").notNull(),
  resticVersion: text("restic_version").notNull(),
  machineFacts: text("machine_facts").notNull().default("{}"),
  signKey: text("sign_key").notNull(),
  sealKey: text("seal_key").notNull(),
  bearerHash: text("bearer_hash").notNull(),
  configVersion: integer("config_version").notNull().default(0),
  appliedConfigVersion: integer("applied_config_version").notNull().default(0),
  scheduleVersion: integer("schedule_version").notNull().default(0),
  appliedScheduleVersion: integer("applied_schedule_version").notNull().default(0),
  createdAt: integer("created_at").notNull(),
  online: integer().notNull().default(0),
  locked: integer().notNull().default(0),
  claimants: text().notNull().default("[]"),
  presenceNo: integer("presence_no").notNull().default(0),
  lastSeenAt: integer("last_seen_at"),
  clockSkewMs: integer("clock_skew_ms"),
  severity: integer().notNull().default(4),
  lastBackupAt: integer("last_backup_at"),
  lastBackupJob: text("last_backup_job"),
  lastBackupOutcome: text("last_backup_outcome").$type<"succeeded" | "warnings" | "failed" | "cancelled">(),
  lastBackupDurationMs: integer("last_backup_duration_ms"),
  lastBackupAddedBytes: integer("last_backup_added_bytes"),
  lastGoodBackupAt: integer("last_good_backup_at"),
  protectedUntil: integer("protected_until"),
  sizeBytes: integer("size_bytes"),
  snapshotCount: integer("snapshot_count").notNull().default(0),
  nextDueAt: integer("next_due_at"),
  hooks: text(),
  hooksVersion: integer("hooks_version").notNull().default(0),
  hookShell: text("hook_shell").notNull().default("/bin/sh"),
  policy: text(),
  refusedSchedules: text("refused_schedules").notNull().default("[]"),
  refusedRepositories: text("refused_repositories").notNull().default("[]"),
  scheduleRuns: text("schedule_runs").notNull().default("{}"),
  checkFailed: integer("check_failed").notNull().default(0),
  dayOutcome: integer("day_outcome").notNull().default(0),
  plannedSince: integer("planned_since"),
});

export const hostDays = sqliteTable(
  "host_days",
  {
    hostId: text("host_id").notNull(),
    day: integer().notNull(),
    outcome: integer().notNull().default(0),
    durationMs: integer("duration_ms"),
    addedBytes: integer("added_bytes"),
    sizeBytes: integer("size_bytes"),
    storedBytes: integer("stored_bytes"),
  },
  (t) => [primaryKey({ columns: [t.hostId, t.day] })],
);

export const fleetTotals = sqliteTable("fleet_totals", {
  id: integer().primaryKey(),
  storedBytes: integer("stored_bytes").notNull(),
  restoreBytes: integer("restore_bytes").notNull(),
});

export const hostCounts = sqliteTable("host_counts", {
  severity: integer().primaryKey(),
  hosts: integer().notNull(),
});

export const repositories = sqliteTable("repositories", {
  id: text().primaryKey(),
  hostId: text("host_id"),
  address: text().notNull(),
  createRepository: integer("create_repository").notNull().default(0),
  createdAt: integer("created_at").notNull(),
  updatedAt: integer("updated_at").notNull(),
  listedAt: integer("listed_at"),
  measuredAt: integer("measured_at"),
  storedBytes: integer("stored_bytes"),
  uncompressedBytes: integer("uncompressed_bytes"),
  restoreBytes: integer("restore_bytes"),
  snapshots: integer(),
  locks: text(),
  locksAt: integer("locks_at"),
  appendOnly: integer("append_only"),
  lastCheck: text("last_check"),
  lastPrune: text("last_prune"),
  statsAskedAt: integer("stats_asked_at").notNull().default(0),
});

export const repositoryCredentials = sqliteTable(
  "repository_credentials",
  {
    repositoryId: text("repository_id").notNull(),
    purpose: text().$type<"write" | "admin" | "read">().notNull(),
    address: text(),
    sealed: text().notNull(),
    envKeys: text("env_keys").notNull().default("[]"),
    version: integer().notNull(),
    updatedAt: integer("updated_at").notNull(),
  },
  (t) => [primaryKey({ columns: [t.repositoryId, t.purpose] })],
);

export const schedules = sqliteTable("schedules", {
  id: text().primaryKey(),
  hostId: text("host_id").notNull(),
  repositoryId: text("repository_id").notNull(),
  name: text().notNull(),
  kind: text().$type<ScheduleKind>().notNull().default("backup"),
  manual: integer().notNull().default(1),
  enabled: integer().notNull().default(1),
  paths: text().notNull(),
  excludes: text().notNull().default("[]"),
  tags: text().notNull().default("[]"),
  createdAt: integer("created_at").notNull(),
  updatedAt: integer("updated_at").notNull(),
  version: integer().notNull().default(1),
  cron: text(),
  timeZone: text("time_zone"),
  timedAt: integer("timed_at"),
  spreadMinutes: integer("spread_minutes").notNull().default(0),
  catchUp: text("catch_up").$type<"once" | "skip">().notNull().default("once"),
  limits: text().notNull().default("{}"),
  retention: text(),
  readData: text("read_data"),
  fsSnapshot: integer("fs_snapshot").notNull().default(1),
  hooks: text(),
  hooksVersion: integer("hooks_version").notNull().default(0),
  firesAt: integer("fires_at"),
  releasedPlan: text("released_plan"),
  heldJob: text("held_job"),
});

export const enrollmentTokens = sqliteTable("enrollment_tokens", {
  id: text().primaryKey(),
  secretHash: text("secret_hash").notNull(),
  hostName: text("host_name").notNull(),
  tags: text().notNull().default("[]"),
  address: text().notNull(),
  createRepository: integer("create_repository").notNull().default(0),
  sealed: text(),
  envKeys: text("env_keys").notNull().default("[]"),
  paths: text().notNull(),
  excludes: text().notNull().default("[]"),
  createdBy: text("created_by").notNull(),
  createdAt: integer("created_at").notNull(),
  expiresAt: integer("expires_at").notNull(),
  usedAt: integer("used_at"),
  revokedAt: integer("revoked_at"),
  hostId: text("host_id"),
  maxUses: integer("max_uses").notNull().default(1),
  uses: integer().notNull().default(0),
  schedule: text(),
});

export const enrollmentJoins = sqliteTable(
  "enrollment_joins",
  {
    tokenId: text("token_id").notNull(),
    hostId: text("host_id").notNull(),
    hostName: text("host_name").notNull(),
    repositoryAddress: text("repository_address").notNull(),
    address: text().notNull(),
    at: integer().notNull(),
  },
  (t) => [primaryKey({ columns: [t.tokenId, t.hostId] })],
);

export const pendingHosts = sqliteTable("pending_hosts", {
  id: text().primaryKey(),
  signKey: text("sign_key").notNull(),
  sealKey: text("seal_key").notNull(),
  fingerprint: text().notNull(),
  hostname: text().notNull(),
  os: text().notNull(),
  arch: text().notNull(),
  agentVersion: text("agent_version").notNull(),
  resticVersion: text("restic_version").notNull(),
  machineFacts: text("machine_facts").notNull(),
  address: text().notNull(),
  firstSeenAt: integer("first_seen_at").notNull(),
  lastSeenAt: integer("last_seen_at").notNull(),
  expiresAt: integer("expires_at").notNull(),
  state: text().$type<"waiting" | "accepted" | "rejected">().notNull().default("waiting"),
  hostId: text("host_id"),
});

export const announceWindows = sqliteTable("announce_windows", {
  address: text().primaryKey(),
  startedAt: integer("started_at").notNull(),
  count: integer().notNull(),
});

export const jobs = sqliteTable("jobs", {
  id: text().primaryKey(),
  hostId: text("host_id").notNull(),
  kind: text().$type<JobKind>().notNull(),
  state: text().$type<JobState>().notNull(),
  factNo: integer("fact_no").notNull().default(0),
  source: text().$type<"asked" | "schedule">().notNull(),
  spec: text(),
  scheduleId: text("schedule_id"),
  scheduleName: text("schedule_name"),
  repositoryId: text("repository_id"),
  askedBy: text("asked_by"),
  notAfter: integer("not_after"),
  cancelAskedAt: integer("cancel_asked_at"),
  cancelAskedBy: text("cancel_asked_by"),
  createdAt: integer("created_at").notNull(),
  startedAt: integer("started_at"),
  finishedAt: integer("finished_at"),
  receivedAt: integer("received_at"),
  warnings: integer().notNull().default(0),
  failure: text(),
  lastError: text("last_error"),
  summary: text(),
  resticVersion: text("restic_version"),
  result: text(),
  held: text(),
  releasedBy: text("released_by"),
  nominalAt: integer("nominal_at"),
  missed: integer().notNull().default(0),
});

export const jobHours = sqliteTable("job_hours", {
  hour: integer().primaryKey(),
  succeeded: integer().notNull().default(0),
  failed: integer().notNull().default(0),
});

export const snapshots = sqliteTable(
  "snapshots",
  {
    repositoryId: text("repository_id").notNull(),
    time: integer().notNull(),
    id: text().notNull(),
    hostId: text("host_id"),
    hostname: text().notNull(),
    username: text(),
    paths: text().notNull(),
    tags: text().notNull(),
    parent: text(),
    summary: text(),
    firstSeenAt: integer("first_seen_at").notNull(),
    vouched: integer().notNull().default(0),
  },
  (t) => [primaryKey({ columns: [t.repositoryId, t.time, t.id] })],
);

export const auditLog = sqliteTable("audit_log", {
  id: text().primaryKey(),
  at: integer().notNull(),
  actor: text().notNull(),
  actorKind: text("actor_kind").$type<"user" | "token" | "agent" | "server">().notNull(),
  actorId: text("actor_id"),
  action: text().notNull(),
  targetKind: text("target_kind").notNull(),
  targetId: text("target_id").notNull(),
  targetName: text("target_name").notNull().default(""),
  address: text().notNull().default(""),
  detail: text().notNull().default("{}"),
});
