import type { ClaimantResource } from "../../protocol/claimants.ts";
import type { Failure } from "../../protocol/failure.ts";
import type { JobState } from "../../protocol/stream.ts";
import type { HostPolicy } from "../../protocol/schedule.ts";
import type { BackupSummary, JobKind, JobResult, Measurement, Refused, Snapshot } from "../../protocol/wire.ts";

/**
 * What a relay tells the database. Each is idempotent: `factNo` orders the writes of a job, `no` those of a host's
 * presence, snapshots have their own key. Never an increment (PROTOCOL section 8).
 */
export type Fact =
  | JobFact
  | PresenceFact
  | SnapshotFact
  | SnapshotsListedFact
  | MeasuredFact
  | AppliedFact
  | LockedFact
  | ClaimsFact;

/** The whole job as the relay knows it, at one state change. */
export interface JobFact {
  fact: "job";
  jobId: string;
  factNo: number;
  kind: JobKind;
  state: JobState;
  source: "asked" | "schedule";
  repositoryId: string | null;
  scheduleId: string | null;
  createdAtMs: number;
  nominalMs: number | null;
  missed: number;
  /** Agent's clock. */
  startedAtMs: number | null;
  finishedAtMs: number | null;
  /** Relay's clock, when the state changed. */
  receivedAtMs: number;
  warnings: number;
  failure: Failure | null;
  lastError: string | null;
  summary: BackupSummary | null;
  result: JobResult | null;
  resticVersion: string | null;
}

export interface PresenceFact {
  fact: "presence";
  /** Grows with every transition of this host. */
  no: number;
  online: boolean;
  atMs: number;
  /** Present on the transition to online: what the hello said. */
  about: null | {
    agentVersion: string;
    resticVersion: string;
    os: string;
    arch: string;
    machineFacts: Record<string, string>;
    clockSkewMs: number;
    scheduleVersion: number;
    configVersion: number;
    policy: HostPolicy | null;
  };
}

/** `no` orders it among presence facts, with which it shares the counter. */
export interface LockedFact {
  fact: "locked";
  no: number;
  locked: boolean;
  atMs: number;
  why: string;
}

/** Who claims to be this host. `no` orders it among presence facts, with which it shares the counter. */
export interface ClaimsFact {
  fact: "claims";
  no: number;
  claimants: readonly ClaimantResource[];
  /** Who has just chosen one; null when it is only news of the claimants. */
  chosenBy: ChosenBy | null;
}

/** The person behind a choice, for the audit log. */
export interface ChosenBy {
  actor: string;
  actorKind: "user" | "token";
  actorId: string | null;
  address: string;
}

export interface SnapshotFact {
  fact: "snapshot";
  repositoryId: string;
  snapshot: Snapshot;
  /** Relay's clock when the record was kept. */
  atMs: number;
}

export interface SnapshotsListedFact {
  fact: "snapshotsListed";
  repositoryId: string;
  fromMs: number;
  toMs: number;
  ids: string[];
  /** Relay's clock when the record was kept: what was first seen later is not judged by an older list. */
  atMs: number;
}

export interface MeasuredFact {
  fact: "measured";
  measurement: Measurement;
  /** Relay's clock when the record was kept: the newest of each part counts. */
  atMs: number;
}

/** `no` orders it among presence facts, with which it shares the counter. */
export interface AppliedFact {
  fact: "applied";
  no: number;
  what: "schedule" | "config";
  version: number;
  /** Null when only the version is known, from a hello: what it refused stays known while the version is the same. */
  refused: readonly Refused[] | null;
}
