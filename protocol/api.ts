import * as v from "valibot";
import { claimantSchema } from "./claimants.ts";
import { FAILURE_CODES, failureSchema } from "./failure.ts";
import { repositoryEnv, repositoryPassword } from "./repository.ts";
import {
  count,
  displayName,
  excludes,
  hostPaths,
  key32,
  signature64,
  snapshotId,
  tags,
  text,
  timeMs,
  uuid,
} from "./scalars.ts";
import {
  backupScheduleSchema,
  checkScheduleSchema,
  forgetScheduleSchema,
  HOLD_REASONS,
  hookShell,
  hooksSchema,
  hostPolicySchema,
  keepPolicySchema,
  limitsSchema,
  pruneScheduleSchema,
  readDataSchema,
} from "./schedule.ts";
import { JOB_STATES } from "./stream.ts";
import { backupSummarySchema, JOB_KINDS, jobResultSchema, refusedSchema, repositoryLockSchema } from "./wire.ts";

/**
 * Resources of the HTTP API under /api. Request bodies are strict: an unknown field is refused by name. All times are
 * integer ms UTC, all sizes bytes. Pages are keyset pages: `next` is an opaque cursor, absent on the last page.
 */

export const ROLES = ["admin", "operator", "viewer"] as const;
export type Role = (typeof ROLES)[number];
export const roleSchema = v.picklist(ROLES);

/** RFC 9457 problem details, with our code. */
export const problemSchema = v.object({
  type: v.string(),
  title: v.string(),
  status: v.number(),
  code: v.picklist(FAILURE_CODES),
  detail: v.string(),
  requestId: v.string(),
  /** For request.invalid: which field, as a dotted path, and what is wrong with it. */
  errors: v.optional(v.array(v.object({ field: v.string(), message: v.string() }))),
  retryAfterMs: v.optional(v.number()),
});
export type Problem = v.InferOutput<typeof problemSchema>;

export function pageOf<S extends v.GenericSchema>(item: S) {
  return v.object({ items: v.array(item), next: v.optional(v.string()) });
}
export interface Page<T> {
  items: T[];
  next?: string;
}

/** Query strings are text: this turns `limit` into 1..200, 50 when absent. */
export const limitQuery = v.optional(
  v.pipe(
    v.string(),
    v.regex(/^\d{1,3}$/, "must be a number from 1 to 200"),
    v.transform(Number),
    v.minValue(1),
    v.maxValue(200),
  ),
  "50",
);
export const cursorQuery = v.optional(v.pipe(v.string(), v.maxLength(1024)));

// ---- who is asking ------------------------------------------------------------------------------------------------

export const username = v.pipe(
  v.string(),
  v.trim(),
  v.regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, "use 1 to 63 lower-case letters, digits, dots, dashes or underscores"),
);
/** New passwords: length is what counts (NIST SP 800-63B). NFC-normalised before hashing. */
export const newPassword = v.pipe(
  v.string(),
  v.minLength(12, "use at least 12 characters"),
  v.maxLength(256, "use at most 256 characters"),
);
const givenPassword = v.pipe(v.string(), v.minLength(1, "must not be empty"), v.maxLength(1024));

/** GET /api/status, anonymous. */
export const statusSchema = v.object({
  setupNeeded: v.boolean(),
  /** False over plain HTTP away from loopback: the sign-in page says why and how to put TLS in front. */
  signInPossible: v.boolean(),
  version: v.string(),
});
export type StatusResource = v.InferOutput<typeof statusSchema>;

export const bootstrapBody = v.strictObject({
  token: v.pipe(v.string(), v.maxLength(128)),
  username,
  password: newPassword,
});
export const loginBody = v.strictObject({ username: v.pipe(v.string(), v.maxLength(128)), password: givenPassword });

export const userSchema = v.object({ id: uuid, username: v.string(), role: roleSchema });
export type UserResource = v.InferOutput<typeof userSchema>;
/** GET /api/me, and the answer of bootstrap and login. */
export const meSchema = v.object({ user: userSchema, actions: v.array(v.string()) });
export type MeResource = v.InferOutput<typeof meSchema>;

/** POST /api/grants: what a browser socket needs, good for 60 s. */
export const grantAnswer = v.object({ grant: v.string(), expiresAtMs: timeMs });

export const tokenSchema = v.object({
  id: uuid,
  name: v.string(),
  role: roleSchema,
  createdAtMs: timeMs,
  expiresAtMs: v.optional(timeMs),
  lastUsedAtMs: v.optional(timeMs),
});
export type TokenResource = v.InferOutput<typeof tokenSchema>;
export const createTokenBody = v.strictObject({
  name: displayName,
  role: roleSchema,
  expiresInDays: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(3650))),
});
/** The secret is shown this once. */
export const createdTokenSchema = v.object({ token: tokenSchema, secret: v.string() });

// ---- hosts --------------------------------------------------------------------------------------------------------

/** DESIGN section 3; `new` is a host that has never been backed up. */
export const HOST_STATUSES = ["failing", "late", "warnings", "offline", "new", "protected"] as const;
export type HostStatus = (typeof HOST_STATUSES)[number];

export const latestJobSchema = v.object({
  id: uuid,
  kind: v.picklist(JOB_KINDS),
  state: v.picklist(JOB_STATES),
  createdAtMs: timeMs,
});

export const hostSchema = v.object({
  id: uuid,
  name: v.string(),
  /** The host name fixed at enrolment; restic's snapshots carry it. */
  hostname: v.string(),
  tags: v.array(v.string()),
  status: v.picklist(HOST_STATUSES),
  online: v.boolean(),
  locked: v.boolean(),
  lastSeenAtMs: v.optional(timeMs),
  os: v.string(),
  arch: v.string(),
  agentVersion: v.string(),
  resticVersion: v.string(),
  clockSkewMs: v.optional(v.pipe(v.number(), v.integer())),
  createdAtMs: timeMs,
  lastBackupAtMs: v.optional(timeMs),
  lastBackupOutcome: v.optional(v.picklist(["succeeded", "warnings", "failed", "cancelled"])),
  lastBackupDurationMs: v.optional(count),
  lastBackupAddedBytes: v.optional(count),
  lastGoodBackupAtMs: v.optional(timeMs),
  /** When a backup is next due by the schedules; in the past when it is overdue. */
  nextDueAtMs: v.optional(timeMs),
  /** The latest check of any of its repositories failed. */
  checkFailed: v.boolean(),
  sizeBytes: v.optional(count),
  snapshotCount: count,
  /**
   * Worst outcome of each of the last 30 UTC days, oldest first, the last letter being today: s succeeded, w warnings,
   * f failed, m missed, n nothing planned.
   */
  days: v.pipe(v.string(), v.regex(/^[swfmn]{30}$/)),
  /** Size of what was backed up, one value a week, at most 12, oldest first. */
  weeklySizes: v.array(count),
  latestJob: v.optional(latestJobSchema),
});
export type HostResource = v.InferOutput<typeof hostSchema>;

export const repositorySchema = v.object({
  id: uuid,
  address: v.string(),
  createRepository: v.boolean(),
  hasPassword: v.boolean(),
  /** Which environment keys are set; never their values. */
  envKeys: v.array(v.string()),
  credentialVersion: count,
  updatedAtMs: timeMs,
  /** The second credential, for forget and prune alone; its address when that differs. */
  admin: v.optional(v.object({ address: v.optional(v.string()), envKeys: v.array(v.string()), updatedAtMs: timeMs })),
  /** What the last measurements say; each part is absent until it is known. */
  measuredAtMs: v.optional(timeMs),
  storedBytes: v.optional(count),
  uncompressedBytes: v.optional(count),
  restoreBytes: v.optional(count),
  snapshots: v.optional(count),
  locks: v.optional(v.array(repositoryLockSchema)),
  locksAtMs: v.optional(timeMs),
  /** Absent = unknown. */
  appendOnly: v.optional(v.boolean()),
  lastCheck: v.optional(
    v.object({
      jobId: uuid,
      atMs: timeMs,
      ok: v.boolean(),
      /** Which part of the data was read, as restic was asked. */
      read: v.optional(v.string()),
      message: v.optional(v.string()),
    }),
  ),
  lastPrune: v.optional(v.object({ jobId: uuid, atMs: timeMs, freedBytes: v.optional(count) })),
});
export type RepositoryResource = v.InferOutput<typeof repositorySchema>;

const scheduleKept = {
  id: uuid,
  version: count,
  createdAtMs: timeMs,
  updatedAtMs: timeMs,
  /** Next fire, spread included; absent for manual and disabled ones. */
  nextRunAtMs: v.optional(timeMs),
  /** Overdue past its grace. */
  late: v.boolean(),
  lastRun: v.optional(
    v.object({
      /** Absent for a forget that found nothing to remove, which makes no job. */
      jobId: v.optional(uuid),
      atMs: timeMs,
      outcome: v.picklist(["succeeded", "warnings", "failed", "cancelled"]),
    }),
  ),
  /** Whether it has hooks of its own; their text is for administrators. */
  hasHooks: v.boolean(),
  /** A forget of this schedule that the guard holds. */
  heldJobId: v.optional(uuid),
  /** Why the host does not use it. */
  refused: v.optional(v.object({ code: v.picklist(FAILURE_CODES), message: v.optional(v.string()) })),
};
/** A schedule with what is known of its runs. */
export const hostScheduleSchema = v.variant("kind", [
  v.object({ ...backupScheduleSchema.entries, ...scheduleKept }),
  v.object({ ...checkScheduleSchema.entries, ...scheduleKept }),
  v.object({ ...forgetScheduleSchema.entries, ...scheduleKept }),
  v.object({ ...pruneScheduleSchema.entries, ...scheduleKept }),
]);
export type ScheduleResource = v.InferOutput<typeof hostScheduleSchema>;

/** GET /api/hosts/:id: the host with what belongs to it. */
export const hostDetailSchema = v.object({
  ...hostSchema.entries,
  repositories: v.array(repositorySchema),
  schedules: v.array(hostScheduleSchema),
  scheduleVersion: count,
  appliedScheduleVersion: count,
  configVersion: count,
  appliedConfigVersion: count,
  /** Repositories whose credentials the host does not take, and why. */
  refusedRepositories: refusedSchema,
  /** What the host's own policy file allows; absent until its agent has said it. */
  policy: v.optional(hostPolicySchema),
  hasHooks: v.boolean(),
  /** The machines that claim to be this host, since it was first locked; empty for a host that never was. */
  claimants: v.array(claimantSchema),
});
export type HostDetail = v.InferOutput<typeof hostDetailSchema>;

/** GET /api/hosts/:id/days: one entry a UTC day on which something is known, oldest first. */
export const hostDaySchema = v.object({
  dayMs: timeMs,
  outcome: v.optional(v.picklist(["succeeded", "warnings", "failed"])),
  durationMs: v.optional(count),
  addedBytes: v.optional(count),
  /** Size of what was backed up. */
  sizeBytes: v.optional(count),
  /** Size of the repository. */
  storedBytes: v.optional(count),
});
export type HostDay = v.InferOutput<typeof hostDaySchema>;

/** POST /api/hosts/:id/schedules/:sid/retention-preview: what these rules would do to the schedule's snapshots now. */
export const previewBody = v.strictObject({ keep: keepPolicySchema });
/** POST /api/hosts/:id/schedules/:sid/run. */
export const runScheduleBody = v.strictObject({
  verbose: v.optional(v.boolean(), false),
  /** In place of the schedule's own limits. */
  limits: v.optional(limitsSchema),
});
/** DELETE /api/hosts/:id/schedules/:sid?version= : the version it was read at. */
export const versionQuery = v.strictObject({
  version: v.pipe(v.string(), v.regex(/^\d{1,15}$/, "must be the version that was read"), v.transform(Number)),
});

/**
 * Hooks of a schedule, or the default of a host; administrators only. `version` counts their changes; null = none.
 * `unreadable`: there are some, which the server's present key does not open. They can be replaced.
 */
export const hooksResourceSchema = v.object({
  hooks: v.nullable(hooksSchema),
  version: count,
  unreadable: v.optional(v.literal(true)),
});
export type HooksResource = v.InferOutput<typeof hooksResourceSchema>;
export const putHooksBody = v.strictObject({ hooks: v.nullable(hooksSchema), version: count });
export const hostHooksResourceSchema = v.object({ ...hooksResourceSchema.entries, shell: hookShell });
export type HostHooksResource = v.InferOutput<typeof hostHooksResourceSchema>;
export const putHostHooksBody = v.strictObject({ ...putHooksBody.entries, shell: hookShell });

export const patchHostBody = v.strictObject({ name: v.optional(displayName), tags: v.optional(tags) });
/** DELETE /api/hosts/:id: the name typed by the operator must equal the host's. */
export const deleteHostBody = v.strictObject({ confirmName: v.pipe(v.string(), v.maxLength(256)) });

export const fleetSummarySchema = v.object({
  total: count,
  protected: count,
  atRisk: count,
  offline: count,
  new: count,
  /** All repositories together, as far as they were measured. */
  storedBytes: count,
  restoreBytes: count,
  /** 24 buckets, oldest first, each one hour. */
  hours: v.array(v.object({ hourMs: timeMs, succeeded: count, failed: count })),
});
export type FleetSummary = v.InferOutput<typeof fleetSummarySchema>;

// ---- enrolment ----------------------------------------------------------------------------------------------------

export const repositoryInput = v.strictObject({
  address: v.pipe(v.string(), v.trim(), v.minLength(1, "must not be empty"), v.maxLength(2048)),
  password: repositoryPassword,
  env: v.optional(repositoryEnv, {}),
  /** Make the repository at the first backup when there is none. */
  createRepository: v.boolean(),
});
export const createEnrollmentBody = v.strictObject({
  hostName: displayName,
  tags: v.optional(tags, []),
  repository: repositoryInput,
  paths: hostPaths,
  excludes: v.optional(excludes, []),
});
export const enrollmentTokenSchema = v.object({
  id: uuid,
  hostName: v.string(),
  address: v.string(),
  paths: v.array(v.string()),
  state: v.picklist(["waiting", "used", "expired", "revoked"]),
  /** 1 for a token that a host was prepared with; hosts that may join and those that did. */
  maxUses: count,
  uses: count,
  createdAtMs: timeMs,
  expiresAtMs: timeMs,
  hostId: v.optional(uuid),
  /** When install.sh was first fetched with this token's id; tells the waiting panel that the script ran. */
  createdBy: v.string(),
});
export type EnrollmentTokenResource = v.InferOutput<typeof enrollmentTokenSchema>;
export const createdEnrollmentSchema = v.object({
  enrollment: enrollmentTokenSchema,
  /** Shown this once. */
  token: v.string(),
  /** The line to paste: two parts, so that the token is in no argv. */
  installCommand: v.string(),
});

export const enrollBody = v.strictObject({
  token: v.pipe(v.string(), v.maxLength(128)),
  signKey: key32,
  sealKey: key32,
  /** Ed25519 signature over enrollProof(token, signKey, sealKey). */
  proof: signature64,
  hostname: v.pipe(text, v.minLength(1)),
  os: text,
  arch: text,
  agentVersion: text,
  resticVersion: text,
  machineFacts: v.record(text, text),
});
export type EnrollBody = v.InferOutput<typeof enrollBody>;
export const enrolledSchema = v.object({ hostId: uuid, name: v.string(), bearer: v.string(), serverTimeMs: timeMs });
export type Enrolled = v.InferOutput<typeof enrolledSchema>;

/** PUT /api/hosts/:id/repo-credentials. Without a password the stored one stays; env is replaced whole when given. */
export const putCredentialsBody = v.strictObject({
  repositoryId: uuid,
  /** `admin`: the second credential, lent to forget and prune alone; may have an address of its own. */
  purpose: v.optional(v.picklist(["write", "admin"]), "write"),
  address: v.optional(v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(2048))),
  password: v.optional(repositoryPassword),
  env: v.optional(repositoryEnv),
  createRepository: v.optional(v.boolean()),
});

// ---- jobs ---------------------------------------------------------------------------------------------------------

export const jobSchema = v.object({
  id: uuid,
  hostId: uuid,
  hostName: v.string(),
  kind: v.picklist(JOB_KINDS),
  state: v.picklist(JOB_STATES),
  source: v.picklist(["asked", "schedule"]),
  scheduleId: v.optional(uuid),
  scheduleName: v.optional(v.string()),
  /** When the schedule meant it to run, and how many fires before it were missed. */
  nominalAtMs: v.optional(timeMs),
  missed: count,
  repositoryId: v.optional(uuid),
  askedBy: v.optional(v.string()),
  cancelAskedAtMs: v.optional(timeMs),
  cancelAskedBy: v.optional(v.string()),
  createdAtMs: timeMs,
  /** The agent's clock. */
  startedAtMs: v.optional(timeMs),
  finishedAtMs: v.optional(timeMs),
  /** The server's clock when the verdict came. */
  receivedAtMs: v.optional(timeMs),
  warnings: count,
  failure: v.optional(failureSchema),
  lastError: v.optional(v.string()),
  summary: v.optional(backupSummarySchema),
  result: v.optional(jobResultSchema),
  /** Why the guard holds or held this forget, and what it would do. */
  held: v.optional(
    v.object({ fingerprint: v.string(), reasons: v.array(v.picklist(HOLD_REASONS)), removed: count, kept: count }),
  ),
  releasedBy: v.optional(v.string()),
  resticVersion: v.optional(v.string()),
});
export type JobResource = v.InferOutput<typeof jobSchema>;

const onRepository = { repositoryId: v.optional(uuid) };
/**
 * POST /api/hosts/:id/jobs. A backup without scheduleId runs the only enabled manual schedule, else the only enabled
 * one, else 409 schedule.choose. A forget applies the retention of a schedule, chosen the same way.
 */
export const createJobBody = v.variant("kind", [
  v.strictObject({ kind: v.literal("backup"), scheduleId: v.optional(uuid), ...runScheduleBody.entries }),
  v.strictObject({
    kind: v.literal("check"),
    ...onRepository,
    readData: v.optional(v.variant("mode", [readDataSchema.options[0], readDataSchema.options[1]]), { mode: "none" }),
    limits: v.optional(limitsSchema, {}),
  }),
  v.strictObject({ kind: v.literal("forget"), scheduleId: v.optional(uuid) }),
  v.strictObject({ kind: v.literal("prune"), ...onRepository, limits: v.optional(limitsSchema, {}) }),
  v.strictObject({ kind: v.literal("unlock"), ...onRepository, removeAll: v.optional(v.boolean(), false) }),
  v.strictObject({ kind: v.literal("stats"), ...onRepository }),
  v.strictObject({ kind: v.literal("init"), ...onRepository }),
  v.strictObject({ kind: v.literal("snapshots"), ...onRepository }),
]);
/** POST /api/jobs/:id/release: the plan as it was shown. */
export const releaseBody = v.strictObject({ fingerprint: v.pipe(v.string(), v.maxLength(64)) });

export const snapshotResourceSchema = v.object({
  id: snapshotId,
  repositoryId: uuid,
  hostId: v.optional(uuid),
  timeMs,
  firstSeenAtMs: timeMs,
  hostname: v.string(),
  username: v.optional(v.string()),
  paths: v.array(v.string()),
  tags: v.array(v.string()),
  parent: v.optional(snapshotId),
  summary: v.optional(backupSummarySchema),
  /** The schedule that made it, by its rm:schedule: tag. */
  scheduleId: v.optional(uuid),
});
export type SnapshotResource = v.InferOutput<typeof snapshotResourceSchema>;

export const auditSchema = v.object({
  id: uuid,
  atMs: timeMs,
  actor: v.string(),
  actorKind: v.picklist(["user", "token", "agent", "server"]),
  action: v.string(),
  targetKind: v.string(),
  targetId: v.string(),
  targetName: v.string(),
  address: v.string(),
  detail: v.record(v.string(), v.unknown()),
});
export type AuditResource = v.InferOutput<typeof auditSchema>;
