import * as v from "valibot";
import { failureSchema, FAILURE_CODES } from "./failure.ts";
import { MAX_FRAME_BYTES, MAX_JOBS_IN_HELLO, MAX_LINE_BYTES, MAX_RECORDS_PER_FRAME, MAX_SCHEDULES } from "./limits.ts";
import {
  base64url,
  count,
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
import { forgetIds, hostPolicySchema, limitsSchema, type BackupSchedule, type CheckSchedule } from "./schedule.ts";
import { envelopeSchema, type Envelope } from "./sealed.ts";

/**
 * The agent link (docs/protocol.md): one union per direction, one parse and one encode each way. Unknown fields of a
 * known message are dropped, so that a newer peer can add one; unknown types are values of their own.
 */

export const JOB_KINDS = ["backup", "check", "forget", "prune", "unlock", "stats", "init", "snapshots"] as const;
export type JobKind = (typeof JOB_KINDS)[number];

/** Steps of a running job, in the order they can come. `lock` is the wait for one that another restic holds. */
export const JOB_PHASES = [
  "prepare",
  "pre_hook",
  "lock",
  "init",
  "scan",
  "upload",
  "check",
  "forget",
  "prune",
  "unlock",
  "measure",
  "list",
  "post_hook",
] as const;
export type JobPhase = (typeof JOB_PHASES)[number];

export const OUTCOMES = ["succeeded", "failed", "cancelled"] as const;
export type Outcome = (typeof OUTCOMES)[number];

// ---- what a job is asked to do ------------------------------------------------------------------------------------

export const backupSpecSchema = v.object({
  kind: v.literal("backup"),
  repositoryId: uuid,
  scheduleId: uuid,
  paths: hostPaths,
  excludes,
  tags,
  /** Make the repository when it is missing (the operator ticked "create it"). */
  createRepository: v.boolean(),
  /** Name every new and changed file in the log (restic's -v). */
  verbose: v.boolean(),
  /** On Windows: read from a shadow copy of the volume; absent = yes. */
  fsSnapshot: v.optional(v.boolean()),
  limits: v.optional(limitsSchema, {}),
  /** SealedHooks, sealed to the host key with hooksContext(hostId, scheduleId). */
  hooks: v.optional(envelopeSchema),
});
export const checkSpecSchema = v.object({
  kind: v.literal("check"),
  repositoryId: uuid,
  scheduleId: v.optional(uuid),
  readData: v.variant("mode", [
    v.object({ mode: v.literal("none") }),
    v.object({ mode: v.literal("percent"), percent: v.pipe(count, v.minValue(1), v.maxValue(100)) }),
    /** The next of `of` parts; the host remembers which it read last. */
    v.object({ mode: v.literal("rotate"), of: v.pipe(count, v.minValue(1), v.maxValue(256)) }),
  ]),
  limits: v.optional(limitsSchema, {}),
});
export const forgetSpecSchema = v.object({
  kind: v.literal("forget"),
  repositoryId: uuid,
  scheduleId: uuid,
  /** Exactly these snapshots, each of this host and this schedule. */
  snapshotIds: forgetIds,
});
export const pruneSpecSchema = v.object({
  kind: v.literal("prune"),
  repositoryId: uuid,
  scheduleId: v.optional(uuid),
  limits: v.optional(limitsSchema, {}),
});
export const unlockSpecSchema = v.object({
  kind: v.literal("unlock"),
  repositoryId: uuid,
  /** Also locks that a live restic holds (restic's --remove-all). */
  removeAll: v.boolean(),
});
/** Measures the repository: size, locks, whether it is append-only. */
export const statsSpecSchema = v.object({ kind: v.literal("stats"), repositoryId: uuid });
export const initSpecSchema = v.object({ kind: v.literal("init"), repositoryId: uuid });
export const snapshotsSpecSchema = v.object({ kind: v.literal("snapshots"), repositoryId: uuid });
export const jobSpecSchema = v.variant("kind", [
  backupSpecSchema,
  checkSpecSchema,
  forgetSpecSchema,
  pruneSpecSchema,
  unlockSpecSchema,
  statsSpecSchema,
  initSpecSchema,
  snapshotsSpecSchema,
]);
export type JobSpec = v.InferOutput<typeof jobSpecSchema>;
export type BackupSpec = v.InferOutput<typeof backupSpecSchema>;
export type CheckSpec = v.InferOutput<typeof checkSpecSchema>;
export type ForgetSpec = v.InferOutput<typeof forgetSpecSchema>;

/** The schedule a job belongs to; null for a job without one. */
export function scheduleOf(spec: JobSpec): string | null {
  return "scheduleId" in spec ? (spec.scheduleId ?? null) : null;
}

// ---- records of a job's stream ------------------------------------------------------------------------------------

/** What restic says of a finished backup; all sizes in bytes, absent in restic's output means 0. */
export const backupSummarySchema = v.object({
  snapshotId: v.optional(snapshotId),
  filesNew: count,
  filesChanged: count,
  filesUnmodified: count,
  totalFiles: count,
  totalBytes: count,
  addedBytes: count,
  /** Bytes added after compression; restic 0.17 and newer. */
  addedPackedBytes: v.optional(count),
  durationMs: count,
});
export type BackupSummary = v.InferOutput<typeof backupSummarySchema>;

export const snapshotSchema = v.object({
  id: snapshotId,
  timeMs,
  hostname: text,
  username: v.optional(text),
  paths: v.pipe(v.array(text), v.maxLength(1000)),
  tags: v.pipe(v.array(text), v.maxLength(1000)),
  parent: v.optional(snapshotId),
  summary: v.optional(backupSummarySchema),
});
export type Snapshot = v.InferOutput<typeof snapshotSchema>;

/** What a job other than a backup did; sizes in bytes. */
export const jobResultSchema = v.variant("kind", [
  v.object({
    kind: v.literal("check"),
    errors: count,
    /** Which part of the data was read, as restic was asked. */ read: text,
  }),
  v.object({ kind: v.literal("forget"), removed: count, kept: count }),
  v.object({ kind: v.literal("prune"), freedBytes: count }),
  v.object({ kind: v.literal("unlock"), locksLeft: count }),
]);
export type JobResult = v.InferOutput<typeof jobResultSchema>;

/** A lock as the repository holds it (restic's lock files). */
export const repositoryLockSchema = v.object({
  id: text,
  timeMs,
  exclusive: v.boolean(),
  hostname: text,
  username: v.optional(text),
  pid: count,
});
export type RepositoryLock = v.InferOutput<typeof repositoryLockSchema>;

/** What was found out about a repository; what is absent was not looked at, or could not be told. Sizes in bytes. */
export const measurementSchema = v.object({
  repositoryId: uuid,
  /** What lies in the repository (stats --mode raw-data). */
  storedBytes: v.optional(count),
  /** The same before compression. */
  uncompressedBytes: v.optional(count),
  /** All snapshots if each were restored (stats --mode restore-size). */
  restoreBytes: v.optional(count),
  snapshots: v.optional(count),
  locks: v.optional(v.pipe(v.array(repositoryLockSchema), v.maxLength(100))),
  appendOnly: v.optional(v.boolean()),
});
export type Measurement = v.InferOutput<typeof measurementSchema>;

const recordSchemas = [
  v.object({
    type: v.literal("accepted"),
    atMs: timeMs,
    kind: v.picklist(JOB_KINDS),
    source: v.picklist(["asked", "schedule"]),
    repositoryId: v.optional(uuid),
    scheduleId: v.optional(uuid),
    nominalMs: v.optional(timeMs),
    scheduleVersion: v.optional(count),
    /** How many fires before this one were missed and are not made up for. */
    missed: v.optional(count),
  }),
  v.object({ type: v.literal("started"), atMs: timeMs }),
  v.object({ type: v.literal("phased"), atMs: timeMs, phase: v.picklist(JOB_PHASES) }),
  v.object({
    type: v.literal("logged"),
    atMs: timeMs,
    stream: v.picklist(["restic", "agent", "hook"]),
    level: v.optional(v.picklist(["warning", "error"])),
    text: v.pipe(v.string(), v.maxLength(MAX_LINE_BYTES)),
  }),
  v.object({ type: v.literal("dropped"), atMs: timeMs, lines: count }),
  v.object({ type: v.literal("snapshot"), atMs: timeMs, repositoryId: uuid, snapshot: snapshotSchema }),
  /** All snapshots of the repository whose time lies in [fromMs, toMs]: what the server has beyond them is gone. */
  v.object({
    type: v.literal("listed"),
    atMs: timeMs,
    repositoryId: uuid,
    fromMs: timeMs,
    toMs: timeMs,
    ids: v.pipe(v.array(snapshotId), v.maxLength(2000)),
  }),
  v.object({ type: v.literal("measured"), atMs: timeMs, ...measurementSchema.entries }),
  v.object({
    type: v.literal("finished"),
    atMs: timeMs,
    outcome: v.picklist(OUTCOMES),
    /** How many things went wrong without failing the job (restic exit 3). */
    warnings: v.optional(count),
    failure: v.optional(failureSchema),
    /** restic's own last error line, redacted. */
    lastError: v.optional(text),
    summary: v.optional(backupSummarySchema),
    result: v.optional(jobResultSchema),
    resticVersion: v.optional(text),
  }),
] as const;
export const recordSchema = v.variant("type", recordSchemas);
export type JobRecord = v.InferOutput<typeof recordSchema>;

const recordSchemaOf: ReadonlyMap<unknown, (typeof recordSchemas)[number]> = new Map(
  recordSchemas.map((schema) => [schema.entries.type.literal, schema]),
);
/** `recordSchema`, its option looked up instead of searched: a busy job sends thousands of lines a second. */
const recordLookup = v.lazy(
  (input): v.GenericSchema<unknown, JobRecord> =>
    (typeof input === "object" && input !== null && recordSchemaOf.get((input as { type?: unknown }).type)) ||
    recordSchema,
);

/** Facts change what the server knows; lines, marks and phases are only shown. */
export function isFact(record: JobRecord): boolean {
  return record.type !== "logged" && record.type !== "dropped" && record.type !== "phased";
}

export const progressSchema = v.object({
  phase: v.picklist(JOB_PHASES),
  /** 0..1; absent while the total is still unknown. */
  percent: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
  bytes: count,
  totalBytes: v.optional(count),
  files: count,
  totalFiles: v.optional(count),
  errors: v.optional(count),
  currentFiles: v.optional(v.pipe(v.array(v.pipe(v.string(), v.maxLength(1024))), v.maxLength(4))),
  etaMs: v.optional(count),
});
export type Progress = v.InferOutput<typeof progressSchema>;

// ---- server -> agent ----------------------------------------------------------------------------------------------

/**
 * A schedule as the host gets it. Only its id is checked with the frame: an entry that the agent cannot use is refused
 * by id, and the others run. `WireSchedule` is what a good one holds; core/schedule/wire-schedule.ts parses it.
 */
export const scheduleEntrySchema = v.looseObject({ id: uuid });
/** A schedule that the host fires, with what only the server knows of it. */
export type WireSchedule = (BackupSchedule | CheckSchedule) & {
  id: string;
  createRepository: boolean;
  /** SealedHooks, sealed to the host key with hooksContext(hostId, id). */
  hooks?: Envelope | undefined;
};

export const wireRepositorySchema = v.object({
  repositoryId: uuid,
  address: text,
  purpose: v.picklist(["write", "admin", "read"]),
  /** RepositorySecret, sealed to the host key with sealContext(hostId, repositoryId, version). */
  sealed: envelopeSchema,
  version: count,
  /** A credential lent for one job only. */
  jobId: v.optional(uuid),
  notAfterMs: v.optional(timeMs),
});
export type WireRepository = v.InferOutput<typeof wireRepositorySchema>;

const serverMessages = [
  v.object({ type: v.literal("challenge"), nonce: key32, serverTimeMs: timeMs }),
  v.object({
    type: v.literal("welcome"),
    join: count,
    acked: v.record(uuid, count),
    scheduleVersion: count,
    configVersion: count,
    timeMs,
  }),
  v.object({ type: v.literal("ack"), jobId: uuid, seq: count }),
  v.object({
    type: v.literal("job.start"),
    jobId: uuid,
    spec: jobSpecSchema,
    notAfterMs: timeMs,
    /** A credential for this job alone, erased after it. */
    lent: v.optional(wireRepositorySchema),
  }),
  v.object({ type: v.literal("job.cancel"), jobId: uuid }),
  v.object({
    type: v.literal("schedule.set"),
    version: count,
    /** The whole set travels in parts 0, 1, … and is applied with the last. */
    part: count,
    last: v.boolean(),
    schedules: v.pipe(v.array(scheduleEntrySchema), v.maxLength(MAX_SCHEDULES)),
  }),
  v.object({
    type: v.literal("config.update"),
    version: count,
    repositories: v.pipe(v.array(wireRepositorySchema), v.maxLength(200)),
  }),
  v.object({
    type: v.literal("request"),
    requestId: uuid,
    kind: text,
    timeoutMs: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(30_000)),
  }),
] as const;
export const serverMessageSchema = v.variant("type", serverMessages);
export type ServerMessage = v.InferOutput<typeof serverMessageSchema>;

// ---- agent -> server ----------------------------------------------------------------------------------------------

/** Frozen and looser than the rest: a version mismatch must get a precise answer, never a parse failure. */
export const helloSchema = v.object({
  type: v.literal("hello"),
  protocol: v.optional(v.unknown()),
  agentVersion: v.optional(v.string()),
  resticVersion: v.optional(v.string()),
  os: v.optional(v.string()),
  arch: v.optional(v.string()),
  hostname: v.optional(v.string()),
  machineFacts: v.optional(v.record(v.string(), v.string())),
  join: v.optional(v.unknown()),
  signature: v.optional(v.unknown()),
  scheduleVersion: v.optional(v.unknown()),
  configVersion: v.optional(v.unknown()),
  timeMs: v.optional(v.unknown()),
  policy: v.optional(v.unknown()),
  jobs: v.optional(v.unknown()),
});

export const helloJobSchema = v.object({
  jobId: uuid,
  state: v.picklist(["queued", "running", "finished"]),
  /** Last seq the agent has fsynced. */
  tail: count,
  /** First seq still in the spool; tail + 1 when the spool is empty. */
  floor: count,
});
export type HelloJob = v.InferOutput<typeof helloJobSchema>;

/** What a hello of this protocol version must hold, checked after the version was. */
export const helloBodySchema = v.object({
  type: v.literal("hello"),
  protocol: v.literal(1),
  agentVersion: text,
  /** Empty when no restic was found. */
  resticVersion: text,
  os: text,
  arch: text,
  hostname: text,
  machineFacts: v.record(text, text),
  join: count,
  signature: signature64,
  scheduleVersion: count,
  configVersion: count,
  timeMs,
  /** Absent as well when it holds what this server does not know: a newer agent's policy must keep no host out. */
  policy: v.fallback(v.optional(hostPolicySchema), undefined),
  jobs: v.pipe(v.array(helloJobSchema), v.maxLength(MAX_JOBS_IN_HELLO)),
});
export type Hello = v.InferOutput<typeof helloBodySchema>;

/** Entries of a set that the agent cannot use, by id, and why: a code, and words with the local remedy. */
export const refusedSchema = v.pipe(
  v.array(v.object({ id: uuid, code: v.picklist(FAILURE_CODES), message: v.optional(text) })),
  v.maxLength(200),
);
export type Refused = v.InferOutput<typeof refusedSchema>[number];

const agentMessages = [
  helloBodySchema,
  v.object({ type: v.literal("joined"), join: count }),
  v.object({
    type: v.literal("job.events"),
    jobId: uuid,
    first: v.pipe(count, v.minValue(1)),
    records: v.pipe(v.array(recordLookup), v.minLength(1), v.maxLength(MAX_RECORDS_PER_FRAME)),
    /** Set only when the spool starts after acked + 1: the server was rolled back. */
    lost: v.optional(v.literal(true)),
  }),
  v.object({ type: v.literal("job.progressed"), jobId: uuid, progress: progressSchema }),
  v.object({ type: v.literal("schedule.applied"), version: count, refused: refusedSchema }),
  v.object({ type: v.literal("config.applied"), version: count, refused: refusedSchema }),
  v.object({
    type: v.literal("response"),
    requestId: uuid,
    ok: v.boolean(),
    value: v.optional(base64url),
    failure: v.optional(failureSchema),
  }),
  v.object({ type: v.literal("unsupported"), what: text, jobId: v.optional(uuid) }),
] as const;
export const agentMessageSchema = v.variant("type", agentMessages);
export type AgentMessage = v.InferOutput<typeof agentMessageSchema>;

// ---- frames -------------------------------------------------------------------------------------------------------

export type Parsed<M> =
  | { kind: "message"; message: M }
  | { kind: "unknown"; type: string; jobId?: string }
  | { kind: "hello-mismatch"; protocol: unknown }
  | { kind: "too-big" }
  | { kind: "malformed"; why: string };

/** Bytes of `text` in UTF-8, without encoding it. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) bytes += 1;
    // Each half of a surrogate pair adds one, so that a pair is 4 bytes; other units past 0x7ff add two.
    if (unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff)) bytes += 1;
  }
  return bytes;
}

function tooBig(frame: string): boolean {
  // A UTF-16 unit is at most 3 bytes of UTF-8, so most frames are decided by their length alone.
  if (frame.length > MAX_FRAME_BYTES) return true;
  return frame.length * 3 > MAX_FRAME_BYTES && utf8Length(frame) > MAX_FRAME_BYTES;
}

function parseFrame<M>(frame: string, schema: v.GenericSchema<unknown, M>, known: ReadonlySet<string>): Parsed<M> {
  if (tooBig(frame)) return { kind: "too-big" };
  let value: unknown;
  try {
    value = JSON.parse(frame);
  } catch {
    return { kind: "malformed", why: "not JSON" };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return { kind: "malformed", why: "not an object" };
  const type: unknown = (value as Record<string, unknown>)["type"];
  if (typeof type !== "string") return { kind: "malformed", why: "no type" };
  if (!known.has(type)) {
    const jobId: unknown = (value as Record<string, unknown>)["jobId"];
    return {
      kind: "unknown",
      type: type.slice(0, 64),
      ...(typeof jobId === "string" && v.is(uuid, jobId) ? { jobId } : {}),
    };
  }
  if (type === "hello") {
    const loose = v.safeParse(helloSchema, value);
    if (!loose.success) return { kind: "malformed", why: "hello" };
    if (loose.output.protocol !== 1) return { kind: "hello-mismatch", protocol: loose.output.protocol };
  }
  const parsed = v.safeParse(schema, value, { abortEarly: true, abortPipeEarly: true });
  if (parsed.success) return { kind: "message", message: parsed.output };
  return {
    kind: "malformed",
    why: `${type}: ${v.getDotPath(parsed.issues[0]) ?? "?"}: ${parsed.issues[0].message}`.slice(0, 200),
  };
}

const agentTypes: ReadonlySet<string> = new Set(agentMessages.map((m) => m.entries.type.literal));
const serverTypes: ReadonlySet<string> = new Set(serverMessages.map((m) => m.entries.type.literal));

/** A frame from an agent, checked at the edge once. */
export function parseAgentFrame(frame: string): Parsed<AgentMessage> {
  return parseFrame(frame, agentMessageSchema, agentTypes);
}
/** A frame from the server, checked at the edge once. */
export function parseServerFrame(frame: string): Parsed<ServerMessage> {
  return parseFrame(frame, serverMessageSchema, serverTypes);
}
export function encodeAgentMessage(message: AgentMessage): string {
  return JSON.stringify(message);
}
export function encodeServerMessage(message: ServerMessage): string {
  return JSON.stringify(message);
}

/** The bytes an agent signs in its hello: `"rm-hello-1" ‖ hostId ‖ nonce ‖ join`, each in UTF-8 and fixed order. */
export function helloProof(hostId: string, nonce: string, join: number): string {
  return `rm-hello-1\n${hostId}\n${nonce}\n${join}`;
}
/** The bytes an agent signs when it enrols: proves it holds the key it hands over. */
export function enrollProof(token: string, signKey: string, sealKey: string): string {
  return `rm-enroll-1\n${token}\n${signKey}\n${sealKey}`;
}
/** Associated data of a credential sealed to a host. */
export function sealContext(hostId: string, repositoryId: string, version: number): string {
  return `rm-credential-1\n${hostId}\n${repositoryId}\n${version}`;
}
/** Associated data of the hooks of a schedule, sealed to a host. */
export function hooksContext(hostId: string, scheduleId: string): string {
  return `rm-hooks-1\n${hostId}\n${scheduleId}`;
}
/** Associated data of a credential lent to one job. */
export function lentContext(hostId: string, repositoryId: string, version: number, jobId: string): string {
  return `rm-lent-1\n${hostId}\n${repositoryId}\n${version}\n${jobId}`;
}
