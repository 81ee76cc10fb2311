import * as v from "valibot";
import { MAX_FORGET_IDS, MAX_SPREAD_MINUTES } from "./limits.ts";
import { count, displayName, excludes, hostPaths, tags, text, timeMs, uuid } from "./scalars.ts";

/**
 * A schedule: what runs on a host, and when. The same shape in the console, in the API, on the wire and on the agent.
 * Whether its cron can fire and its zone exists is for core/schedule to say, which every one of them asks.
 */

/** backup and check are fired by the host, forget and prune by the server. */
export const SCHEDULE_KINDS = ["backup", "check", "forget", "prune"] as const;
export type ScheduleKind = (typeof SCHEDULE_KINDS)[number];
export const HOST_FIRED: ReadonlySet<ScheduleKind> = new Set(["backup", "check"]);

const keepCount = v.optional(
  v.pipe(
    v.number("must be a whole number"),
    v.integer("must be a whole number"),
    v.minValue(1, "must be at least 1; leave it empty to leave the rule out"),
    v.maxValue(10_000, "must be at most 10,000"),
  ),
);

/** restic's keep-within: years, months, days and hours in this order (restic manual, "Removing snapshots"). */
const within = v.pipe(
  v.string(),
  v.regex(
    /^(?=.)(?:[1-9]\d{0,3}y)?(?:[1-9]\d{0,3}m)?(?:[1-9]\d{0,3}d)?(?:[1-9]\d{0,4}h)?$/,
    "looks like 1y6m, 30d or 36h",
  ),
);

/** restic's keep rules by their own names; at least one must be there. A snapshot that any rule keeps stays. */
export const keepPolicySchema = v.pipe(
  v.strictObject({
    last: keepCount,
    hourly: keepCount,
    daily: keepCount,
    weekly: keepCount,
    monthly: keepCount,
    yearly: keepCount,
    within: v.optional(within),
    /** Snapshots with any of these tags stay. */
    tags: v.optional(tags),
  }),
  v.check(
    (keep) => Object.entries(keep).some(([, rule]) => (Array.isArray(rule) ? rule.length > 0 : rule !== undefined)),
    "needs at least one rule, or nothing would be kept",
  ),
);
export type KeepPolicy = v.InferOutput<typeof keepPolicySchema>;

export const retentionSchema = v.strictObject({
  keep: keepPolicySchema,
  /** After each backup, or when a forget schedule of the same repository fires. */
  when: v.picklist(["after_backup", "forget_schedule"]),
});
export type Retention = v.InferOutput<typeof retentionSchema>;

const rate = v.optional(
  v.pipe(
    v.number("must be a whole number of KiB/s"),
    v.integer("must be a whole number of KiB/s"),
    v.minValue(1, "must be at least 1 KiB/s; leave it empty for no limit"),
    v.maxValue(100 * 1024 * 1024, "must be at most 100 GiB/s"),
  ),
);
/** restic's --limit-upload and --limit-download: KiB per second for the whole process; absent = no limit. */
export const limitsSchema = v.strictObject({ uploadKiBs: rate, downloadKiBs: rate });
export type Limits = v.InferOutput<typeof limitsSchema>;

/** How much of the data a check reads (restic's --read-data-subset). */
export const readDataSchema = v.variant("mode", [
  v.strictObject({ mode: v.literal("none") }),
  /** A random part. */
  v.strictObject({
    mode: v.literal("percent"),
    percent: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100)),
  }),
  /** Another part at each check, so that all is read once in so many days. */
  v.strictObject({ mode: v.literal("rotate"), days: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(365)) }),
]);
export type ReadData = v.InferOutput<typeof readDataSchema>;

/** Only the shape: core/schedule/cron.ts says whether it is five fields that ever fire. */
const cron = v.pipe(v.string(), v.trim(), v.minLength(1, "must not be empty"), v.maxLength(256));
const timeZone = v.pipe(v.string(), v.minLength(1, "must not be empty"), v.maxLength(64));

const common = {
  name: displayName,
  repositoryId: uuid,
  enabled: v.boolean(),
  /** Fires only when asked; then cron and timeZone may be absent. */
  manual: v.boolean(),
  cron: v.optional(cron),
  /** IANA name, such as Europe/Berlin. */
  timeZone: v.optional(timeZone),
  /** Each schedule starts at its own fixed moment within so many minutes after the cron's. */
  spreadMinutes: v.optional(
    v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_SPREAD_MINUTES, "must be at most 1,440 minutes")),
    0,
  ),
  /** After downtime: run one missed fire, or none. */
  catchUp: v.optional(v.picklist(["once", "skip"]), "once"),
  limits: v.optional(limitsSchema, {}),
};

export const backupScheduleSchema = v.strictObject({
  kind: v.literal("backup"),
  ...common,
  paths: hostPaths,
  excludes: v.optional(excludes, []),
  tags: v.optional(tags, []),
  /** On Windows: files are read from a shadow copy of their volume, unless this is false. */
  fsSnapshot: v.optional(v.boolean()),
  /** Null keeps every snapshot. */
  retention: v.optional(v.nullable(retentionSchema), null),
});
export const checkScheduleSchema = v.strictObject({ kind: v.literal("check"), ...common, readData: readDataSchema });
/** Applies the retention of the host's backup schedules in this repository that wait for it. */
export const forgetScheduleSchema = v.strictObject({ kind: v.literal("forget"), ...common });
export const pruneScheduleSchema = v.strictObject({ kind: v.literal("prune"), ...common });

/** The shape of a schedule as a person gives it. Use `scheduleInput` of core/schedule, which checks the rest too. */
export const scheduleShape = v.variant("kind", [
  backupScheduleSchema,
  checkScheduleSchema,
  forgetScheduleSchema,
  pruneScheduleSchema,
]);
export type ScheduleInput = v.InferOutput<typeof scheduleShape>;
export type BackupSchedule = v.InferOutput<typeof backupScheduleSchema>;
export type CheckSchedule = v.InferOutput<typeof checkScheduleSchema>;

/** A schedule as PUT takes it: the whole of it, with the version it was read at. */
const edit = {
  version: count,
  /** Fingerprint of a previewed plan that an administrator confirms: that plan is carried out once, unheld. */
  confirmPlan: v.optional(v.pipe(v.string(), v.maxLength(64))),
};
export const scheduleEditShape = v.variant("kind", [
  v.strictObject({ ...backupScheduleSchema.entries, ...edit }),
  v.strictObject({ ...checkScheduleSchema.entries, ...edit }),
  v.strictObject({ ...forgetScheduleSchema.entries, ...edit }),
  v.strictObject({ ...pruneScheduleSchema.entries, ...edit }),
]);

/** The tag that every backup of a schedule carries: it makes its snapshots one group, on the host and on the server. */
export const SCHEDULE_TAG = "rm:schedule:";

// ---- hooks --------------------------------------------------------------------------------------------------------

/** A file name in hooks.d: no folder, no hidden file. */
export const hookName = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/, "use the file name of a script in hooks.d, without its folder"),
);
const hookText = v.pipe(
  v.string(),
  v.minLength(1, "must not be empty"),
  v.maxLength(16 * 1024, "must be at most 16 KiB"),
  // oxlint-disable-next-line no-control-regex -- a shell's text ends at NUL
  v.regex(/^[^\u0000]*$/, "must not contain NUL"),
);
export const hookSchema = v.variant("kind", [
  v.strictObject({ kind: v.literal("named"), name: hookName }),
  /** Text for the host's shell; only where the host's own policy says `remote`. */
  v.strictObject({ kind: v.literal("remote"), text: hookText }),
]);
export type Hook = v.InferOutput<typeof hookSchema>;

export const hookTimeoutMinutes = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1440));
/** Before and after a backup. Sealed at rest and to the host. */
export const hooksSchema = v.strictObject({
  pre: v.optional(hookSchema),
  post: v.optional(hookSchema),
  /** Each hook's process group is ended after this. */
  timeoutMinutes: v.optional(hookTimeoutMinutes, 15),
});
export type Hooks = v.InferOutput<typeof hooksSchema>;

/** An absolute path on the host: the interpreter that reads remote hooks as a file. */
export const hookShell = v.pipe(
  v.string(),
  v.maxLength(256),
  // oxlint-disable-next-line no-control-regex -- no Windows file name holds them
  v.regex(/^(\/[\w./-]+|[A-Za-z]:\\[^"<>|?*\u0000-\u001f]+)$/, "must be an absolute path, such as /bin/sh"),
);
/** The plaintext of a job's sealed hooks. */
export const sealedHooksSchema = v.strictObject({ ...hooksSchema.entries, shell: hookShell });
export type SealedHooks = v.InferOutput<typeof sealedHooksSchema>;

// ---- what a host allows -------------------------------------------------------------------------------------------

/** policy.yaml as the agent reports it: what the server may ask of this host. The server can only read it. */
export const hostPolicySchema = v.object({
  allowHooks: v.picklist(["none", "named", "remote"]),
  /** Usable scripts in hooks.d. */
  hooks: v.pipe(v.array(text), v.maxLength(200)),
  /** Null allows every path. */
  allowPaths: v.nullable(v.pipe(v.array(text), v.maxLength(200))),
  denyPaths: v.pipe(v.array(text), v.maxLength(200)),
  allowRestore: v.picklist(["none", "staging", "in_place"]),
  restoreRoots: v.pipe(v.array(text), v.maxLength(200)),
  allowPrune: v.boolean(),
  /** Forgetting never leaves fewer snapshots of a schedule than this. */
  keepAtLeast: count,
  /** Greatest share of a schedule's snapshots that one forget may remove, 0..1. */
  maxShare: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
  /** "first" pins what was accepted first; else the addresses that may be used. */
  allowRepositories: v.union([v.literal("first"), v.pipe(v.array(text), v.maxLength(50))]),
});
export type HostPolicy = v.InferOutput<typeof hostPolicySchema>;

// ---- retention plans ----------------------------------------------------------------------------------------------

/** Why the forget guard holds a plan. */
export const HOLD_REASONS = ["nothing_kept", "too_many", "newest_good", "time_mismatch"] as const;
export type HoldReason = (typeof HOLD_REASONS)[number];

export const forgetIds = v.pipe(
  v.array(v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "must be 64 hex digits"))),
  v.minLength(1),
  v.maxLength(MAX_FORGET_IDS),
);

/** POST …/retention-preview: the plan as the guard judges it and as the agent would be told. */
export const retentionPlanSchema = v.object({
  /** Names the exact set of snapshots that would go; empty when none would. */
  fingerprint: v.string(),
  kept: v.array(
    v.object({
      id: v.string(),
      timeMs,
      reasons: v.array(v.string()),
      /** Its claimed time is not believed. */ odd: v.boolean(),
    }),
  ),
  removed: v.array(v.object({ id: v.string(), timeMs, odd: v.boolean() })),
  /** Why the server would hold this plan until an admin releases it. */
  held: v.array(v.picklist(HOLD_REASONS)),
  /** Whether the host's own guard would refuse it, and in which words. */
  hostRefusal: v.optional(v.string()),
  /** When the snapshots were last listed from the repository; absent = only what its backups told. */
  listedAtMs: v.optional(timeMs),
});
export type RetentionPlan = v.InferOutput<typeof retentionPlanSchema>;
