import type {
  AuditResource,
  HostDay,
  HostDetail,
  HostResource,
  HostStatus,
  JobResource,
  SnapshotResource,
} from "../../protocol/api.ts";
import type { Failure } from "../../protocol/failure.ts";
import type { HostPolicy, RetentionPlan } from "../../protocol/schedule.ts";
import type { JobRecord, JobResult } from "../../protocol/wire.ts";
import { emptyWorld, type World } from "./fake-console-api.ts";

/** A small believable fleet for the console's pages. Times are relative to `nowMs`. */

const MIN = 60_000;
const HOUR = 60 * MIN;
const DAY = 24 * HOUR;
const GIB = 2 ** 30;

export const id = (n: number) => `018f0000-0000-7000-8000-${String(n).padStart(12, "0")}`;

type Row = readonly [
  name: string,
  status: HostStatus,
  tags: string[],
  agoMs: number | null,
  tookMs: number,
  addedBytes: number,
  snapshots: number,
  /** Its last 30 days, as HostResource has them; 30 good ones when left out. */
  days?: string,
];

const ROWS: readonly Row[] = [
  ["web-eu-2", "failing", ["prod", "web"], 26 * HOUR, 12_000, 0, 168, "sssssssssswssssssswsssssssssff"],
  ["win-acct-3", "late", ["office", "finance"], 9 * DAY, 5 * MIN, 0.4 * GIB, 41, "ssssssmmsssssssssssswsssmmmmmm"],
  ["mail-01", "warnings", ["prod"], 5 * HOUR, 390_000, 2.3 * GIB, 118, "sssssssssssssssssssssssssssssw"],
  ["office-pi", "offline", ["office"], 11 * HOUR, 48_000, 12 * 2 ** 20, 57, "sssssssssssssmmssssmmsssssssss"],
  ["laptop-maja", "new", ["office"], null, 0, 0, 0, "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"],
  ["nas-01", "protected", ["storage", "prod"], 24 * HOUR, 31 * MIN, 9.6 * GIB, 148],
  ["nas-02", "protected", ["storage"], 3 * HOUR, 22 * MIN, 4.1 * GIB, 146],
  ["db-01", "protected", ["prod", "db"], 42 * MIN, 128_000, 1.2 * GIB, 312],
  ["db-02", "protected", ["prod", "db"], 41 * MIN, 117_000, 1.1 * GIB, 309],
  ["web-eu-1", "protected", ["prod", "web"], 42 * MIN, 38_000, 86 * 2 ** 20, 170],
  ["git-01", "protected", ["prod", "dev"], 42 * MIN, 25_000, 140 * 2 ** 20, 171],
  ["pve-1", "protected", ["lab"], 10 * HOUR, 41 * MIN, 18.8 * GIB, 21, "nnnnnnnnnsssssssssssssssswssss"],
];

export function sampleHost(n: number, row: Row, nowMs: number): HostResource {
  const [name, status, tags, ago, tookMs, addedBytes, snapshotCount, days = "s".repeat(30)] = row;
  const outcome = status === "failing" ? "failed" : status === "warnings" ? "warnings" : "succeeded";
  return {
    id: id(n),
    name,
    hostname: name,
    tags,
    status,
    online: status !== "offline",
    locked: false,
    lastSeenAtMs: nowMs - (status === "offline" ? 3 * HOUR : 8000),
    os: name.startsWith("win") ? "Windows Server 2022" : "Debian GNU/Linux 12",
    arch: "amd64",
    agentVersion: "0.1.0",
    resticVersion: "0.18.1",
    createdAtMs: nowMs - 200 * DAY,
    snapshotCount,
    checkFailed: false,
    days,
    weeklySizes:
      ago === null
        ? []
        : Array.from(
            { length: 12 },
            (_, week) => (20 + n * 37 - (11 - week) * ((n % 4) + 0.5) - ((week * n) % 3)) * GIB,
          ),
    ...(ago === null
      ? {}
      : {
          lastBackupAtMs: nowMs - ago,
          lastBackupOutcome: outcome,
          lastBackupDurationMs: tookMs,
          lastBackupAddedBytes: addedBytes,
          lastGoodBackupAtMs: nowMs - (status === "failing" ? ago + 24 * HOUR : ago),
          sizeBytes: (20 + n * 37) * GIB,
          nextDueAtMs: nowMs - (ago % DAY) + (status === "late" ? -8 * DAY : DAY) + (n % 5) * HOUR,
        }),
  };
}

export function detailOf(host: HostResource, nowMs: number): HostDetail {
  return {
    ...host,
    repositories: [
      {
        id: id(900),
        address: `rest:https://vault.example.net/${host.name}`,
        createRepository: true,
        hasPassword: true,
        envKeys: ["RESTIC_REST_USERNAME", "RESTIC_REST_PASSWORD"],
        credentialVersion: 1,
        updatedAtMs: nowMs - 12 * DAY,
        admin: {
          address: `rest:https://vault.example.net:8001/${host.name}`,
          envKeys: ["RESTIC_REST_USERNAME", "RESTIC_REST_PASSWORD"],
          updatedAtMs: nowMs - 12 * DAY,
        },
        measuredAtMs: nowMs - 2 * HOUR,
        storedBytes: 4.82 * 2 ** 40,
        uncompressedBytes: 6.9 * 2 ** 40,
        restoreBytes: 13.9 * 2 ** 40,
        snapshots: host.snapshotCount,
        locks: [],
        locksAtMs: nowMs - 2 * HOUR,
        appendOnly: true,
        lastCheck: { jobId: id(1006), atMs: nowMs - 2 * DAY, ok: true, read: "5 %" },
        lastPrune: { jobId: id(1007), atMs: nowMs - 5 * DAY, freedBytes: 112 * GIB },
      },
    ],
    schedules: [
      {
        ...scheduleBase(800, "nightly", nowMs),
        kind: "backup",
        cron: "30 13 * * *",
        timeZone: "Europe/Berlin",
        paths: ["/srv", "/etc", "/home"],
        excludes: ["*.tmp"],
        tags: [],
        retention: { keep: { daily: 7, weekly: 5, monthly: 12 }, when: "after_backup" },
        nextRunAtMs: nowMs + 5 * HOUR,
        lastRun: { jobId: id(1001), atMs: nowMs - 5 * HOUR, outcome: "succeeded" },
      },
      {
        ...scheduleBase(801, "weekly-check", nowMs),
        kind: "check",
        cron: "0 6 * * 6",
        timeZone: "Europe/Berlin",
        readData: { mode: "percent", percent: 5 },
        nextRunAtMs: nowMs + 5 * DAY,
      },
      {
        ...scheduleBase(802, "before-upgrade", nowMs),
        kind: "backup",
        manual: true,
        paths: ["/etc"],
        excludes: [],
        tags: [],
        retention: null,
      },
    ],
    scheduleVersion: 7,
    appliedScheduleVersion: 7,
    configVersion: 1,
    appliedConfigVersion: 1,
    refusedRepositories: [],
    policy: samplePolicy,
    hasHooks: false,
    claimants: [],
  };
}

const scheduleBase = (n: number, name: string, nowMs: number) => ({
  id: id(n),
  name,
  repositoryId: id(900),
  enabled: true,
  manual: false,
  spreadMinutes: 0,
  catchUp: "once" as const,
  limits: {},
  version: 3,
  createdAtMs: nowMs - 90 * DAY,
  updatedAtMs: nowMs - 12 * DAY,
  late: false,
  hasHooks: false,
});

export const samplePolicy: HostPolicy = {
  allowHooks: "named",
  hooks: ["dump-database", "stop-app"],
  allowPaths: null,
  denyPaths: [],
  allowRestore: "staging",
  restoreRoots: [],
  allowPrune: true,
  keepAtLeast: 3,
  maxShare: 0.5,
  allowRepositories: "first",
};

/** A year of sizes that grow, with a drop at each prune. */
export function sampleDays(nowMs: number): HostDay[] {
  const today = Math.floor(nowMs / DAY) * DAY;
  return Array.from({ length: 365 }, (_, i): HostDay => {
    const prunes = Math.floor((i + 20) / 60);
    return {
      dayMs: today - (364 - i) * DAY,
      outcome: i % 41 === 40 ? "warnings" : "succeeded",
      durationMs: (25 + (i % 9)) * MIN,
      addedBytes: (4 + (i % 7)) * GIB,
      sizeBytes: (3.2 + i * 0.002) * 2 ** 40,
      storedBytes: (3.4 + i * 0.0052 - prunes * 0.11) * 2 ** 40,
    };
  });
}

/** What the nightly rules would do now: two of fifteen go. */
export function samplePlan(nowMs: number): RetentionPlan {
  const snapshot = (n: number) => ({
    id: n.toString(16).padStart(2, "0").repeat(32),
    timeMs: nowMs - n * DAY,
    odd: false,
  });
  return {
    fingerprint: "plan-of-two",
    kept: Array.from({ length: 13 }, (_, n) => ({
      ...snapshot(n + 1),
      reasons: [n < 7 ? "daily snapshot" : "weekly snapshot"],
    })),
    removed: [snapshot(20), snapshot(21)],
    held: [],
    listedAtMs: nowMs - 5 * HOUR,
  };
}

const summary = {
  snapshotId: `a41f09c2${"0".repeat(56)}`,
  filesNew: 1188,
  filesChanged: 402,
  filesUnmodified: 1_283_614,
  totalFiles: 1_285_204,
  totalBytes: 3.92 * 2 ** 40,
  addedBytes: 9.6 * GIB,
  addedPackedBytes: 4.9 * GIB,
  durationMs: 31 * MIN,
};

export function sampleJob(n: number, host: HostResource, job: Partial<JobResource>, nowMs: number): JobResource {
  const createdAtMs = job.createdAtMs ?? nowMs - n * 5 * HOUR;
  return {
    id: id(1000 + n),
    hostId: host.id,
    hostName: host.name,
    kind: "backup",
    state: "succeeded",
    source: "asked",
    scheduleId: id(800),
    scheduleName: "nightly",
    askedBy: "maja",
    createdAtMs,
    startedAtMs: createdAtMs + 1000,
    finishedAtMs: createdAtMs + 31 * MIN,
    warnings: 0,
    missed: 0,
    summary,
    resticVersion: "0.18.1",
    ...job,
  };
}

/** A job that has not ended: without what only an end brings. */
export function openJob(n: number, host: HostResource, job: Partial<JobResource>, nowMs: number): JobResource {
  const { finishedAtMs: _ended, summary: _summary, ...open } = sampleJob(n, host, job, nowMs);
  return open;
}

function withResult(
  n: number,
  host: HostResource,
  job: Partial<JobResource>,
  nowMs: number,
  result: JobResult,
): JobResource {
  const { summary: _summary, askedBy, ...done } = sampleJob(n, host, job, nowMs);
  return { ...done, result, ...(job.source === "schedule" || askedBy === undefined ? {} : { askedBy }) };
}

/** A forget of `host` that the guard stopped. */
export function sampleHeld(n: number, host: HostResource, nowMs: number): JobResource {
  const { startedAtMs: _started, askedBy: _asked, ...job } = openJob(n, host, {}, nowMs);
  return {
    ...job,
    kind: "forget",
    state: "held",
    source: "schedule",
    held: { fingerprint: "plan-of-two", reasons: ["too_many"], removed: 2, kept: 13 },
  };
}

export function sampleSnapshot(n: number, host: HostResource, nowMs: number): SnapshotResource {
  return {
    id: `${(0xa41f09c2 - n * 77_777_777).toString(16)}${"0".repeat(56)}`.slice(0, 64),
    repositoryId: id(900),
    hostId: host.id,
    timeMs: nowMs - (n + 1) * DAY,
    firstSeenAtMs: nowMs - (n + 1) * DAY,
    hostname: host.name,
    paths: ["/srv", "/etc", "/home"],
    tags: [`rm:schedule:${id(800)}`],
    scheduleId: id(800),
    summary: { ...summary, addedBytes: (9.6 - n) * GIB },
  };
}

export const repositoryLocked: Failure = {
  code: "repository.locked",
  message: "The repository is locked by web-eu-2, process 4121, since Sun 11:40.",
  retry: true,
};

export function sampleWorld(nowMs: number): World {
  const hosts = ROWS.map((row, i) => sampleHost(i + 1, row, nowMs));
  const nas = hosts.find((host) => host.name === "nas-01")!;
  const web = hosts.find((host) => host.name === "web-eu-2")!;
  const mail = hosts.find((host) => host.name === "mail-01")!;
  web.latestJob = { id: id(1003), kind: "backup", state: "failed", createdAtMs: nowMs - 15 * HOUR };
  const jobs = [
    openJob(0, nas, { state: "running", createdAtMs: nowMs - 12 * MIN }, nowMs),
    sampleJob(1, nas, {}, nowMs),
    sampleJob(2, nas, { warnings: 3 }, nowMs),
    {
      ...openJob(
        3,
        web,
        {
          state: "failed",
          failure: repositoryLocked,
          lastError: "Fatal: unable to create lock in backend: repository is already locked by PID 4121 on web-eu-2",
        },
        nowMs,
      ),
      finishedAtMs: nowMs - 15 * HOUR + 12_000,
    },
    {
      ...openJob(
        4,
        nas,
        { state: "cancelled", cancelAskedBy: "maja", cancelAskedAtMs: nowMs - 20 * HOUR + MIN },
        nowMs,
      ),
      finishedAtMs: nowMs - 20 * HOUR + MIN,
    },
    openJob(5, nas, { kind: "snapshots", state: "unknown" }, nowMs),
    withResult(6, nas, { kind: "check", scheduleName: "weekly-check", source: "schedule" }, nowMs, {
      kind: "check",
      errors: 0,
      read: "5 %",
    }),
    withResult(7, nas, { kind: "prune" }, nowMs, { kind: "prune", freedBytes: 112 * GIB }),
    withResult(8, nas, { kind: "forget", source: "schedule" }, nowMs, { kind: "forget", removed: 2, kept: 13 }),
    sampleHeld(9, mail, nowMs),
  ];
  const count = (...words: HostStatus[]) => hosts.filter((host) => words.includes(host.status)).length;
  return {
    ...emptyWorld(),
    hosts,
    details: new Map(hosts.map((host) => [host.id, detailOf(host, nowMs)])),
    jobs,
    snapshots: Array.from({ length: 7 }, (_, i) => sampleSnapshot(i, nas, nowMs)),
    summary: {
      total: hosts.length,
      protected: count("protected"),
      atRisk: count("failing", "late", "warnings"),
      offline: count("offline"),
      new: count("new"),
      storedBytes: 15.1 * 2 ** 40,
      restoreBytes: 54.2 * 2 ** 40,
      hours: Array.from({ length: 24 }, (_, i) => ({
        hourMs: nowMs - (24 - i) * HOUR,
        succeeded: [3, 4, 14, 7, 11, 7, 4, 3, 4, 3, 0, 4, 3, 5, 4, 3, 4, 3, 4, 3, 3, 6, 2, 6][i]!,
        failed: i >= 20 && i < 23 ? 1 : 0,
      })),
    },
    days: sampleDays(nowMs),
    plan: samplePlan(nowMs),
    enrollments: [
      {
        id: id(700),
        hostName: "web-eu-3",
        address: "rest:https://vault.example.net/web-eu-3",
        paths: ["/srv", "/etc"],
        state: "waiting",
        maxUses: 1,
        uses: 0,
        createdAtMs: nowMs - 6 * MIN,
        expiresAtMs: nowMs + 54 * MIN,
        createdBy: "maja",
      },
    ],
    audit: [
      entry(1, nowMs - 10 * MIN, "maja", "user", "job.run", "job", "nas-01", { kind: "backup" }),
      entry(2, nowMs - 30 * MIN, "maja", "user", "host.edit", "host", "nas-01", { tags: ["storage", "prod"] }),
      entry(3, nowMs - 2 * HOUR, "web-eu-1", "agent", "host.enroll", "host", "web-eu-1", {}),
      entry(4, nowMs - 30 * HOUR, "maja", "user", "session.start", "user", "maja", {}),
      entry(5, nowMs - 31 * HOUR, "maja/script", "token", "credential.write", "repository", "db-01", { version: 2 }),
    ],
  };
}

function entry(
  n: number,
  atMs: number,
  actor: string,
  actorKind: AuditResource["actorKind"],
  action: string,
  targetKind: string,
  targetName: string,
  detail: Record<string, unknown>,
): AuditResource {
  return {
    id: id(2000 + n),
    atMs,
    actor,
    actorKind,
    action,
    targetKind,
    targetId: id(n),
    targetName,
    address: "10.20.0.7",
    detail,
  };
}

/** The beginning of a backup's stream. */
export function sampleRecords(startMs: number): JobRecord[] {
  const line = (afterMs: number, text: string, level?: "warning" | "error"): JobRecord => ({
    type: "logged",
    atMs: startMs + afterMs,
    stream: level ? "restic" : "restic",
    text,
    ...(level ? { level } : {}),
  });
  return [
    { type: "accepted", atMs: startMs, kind: "backup", source: "asked" },
    { type: "started", atMs: startMs },
    { type: "phased", atMs: startMs, phase: "prepare" },
    {
      type: "logged",
      atMs: startMs,
      stream: "agent",
      text: "restic backup --json --tag rm:schedule -- /srv /etc /home",
    },
    line(3000, "repository 8c1f4b02 opened (version 2, compression auto)"),
    { type: "phased", atMs: startMs + 3000, phase: "scan" },
    line(4000, "lock created, using parent snapshot a41f09c2"),
    line(45_000, "scan finished: 1,285,204 files, 3.92 TiB"),
    { type: "phased", atMs: startMs + 45_000, phase: "upload" },
    line(80_000, "changed /srv/photos/2026/11/IMG_8841.dng (42.1 MiB added)"),
    line(122_000, "changed /srv/photos/2026/11/IMG_8842.dng (41.7 MiB added)"),
    line(250_000, "open /srv/media/.trash/x9f: permission denied", "warning"),
    line(312_000, "new     /srv/vm/exports/pve-1-2026-11-23.zst (2.4 GiB added)"),
    line(481_000, "lstat /srv/media/.trash/x9f: no such file or directory", "warning"),
    line(602_000, "58 % done, 745,418 files, 2.27 TiB, 2 warnings"),
    line(700_000, "64 % done, 822,530 files, 2.51 TiB, 2 warnings"),
  ];
}
