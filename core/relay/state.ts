import type { Failure } from "../../protocol/failure.ts";
import { TERMINAL_STATES, type JobState } from "../../protocol/stream.ts";
import type { Claimant, Machine } from "./claimants.ts";
import type { BackupSummary, JobKind, JobResult, JobSpec, WireRepository } from "../../protocol/wire.ts";

/**
 * What a relay knows of its host. `kept` and each job are rows of the relay's storage; the object is a draft that the
 * shell owns: `step` changes it in place, and it may be dropped and read again between any two turns.
 */
export interface RelayState {
  readonly hostId: string;
  readonly kept: KeptHost;
  /** Every job without a verdict, and of those with one only what the present event names. */
  readonly jobs: Map<string, Job>;
  /** Whether a socket is attached at `kept.epoch`. Follows from the sockets, hence is not kept. */
  live: boolean;
}

export interface KeptHost {
  /** +1 per accepted hello and per lock; a frame of another epoch's socket is not read. */
  epoch: number;
  /** Highest join number proved to be on the agent's disk, and highest given out (PROTOCOL section 2). */
  confirmed: number;
  minted: number;
  locked: boolean;
  /** Whose hellos were accepted last, the present one at the end. */
  holders: Machine[];
  /** Who says it is this host, since two did. All but the chosen one are refused, also when the host is unlocked. */
  claimants: Claimant[];
  /** The claimant that an administrator chose; null = not yet. */
  chosen: number | null;
  /** Counts the claimants. */
  claimNo: number;
  online: boolean;
  /** Orders presence and lock facts. */
  presenceNo: number;
  /** What the last presence fact said of the agent, as JSON; "" before the first. */
  about: string;
  /** Last contact of the socket that is gone; null while one is attached, and before the first. */
  silentSinceMs: number | null;
  config: Pushed;
  schedule: Pushed;
}

/** A versioned set that the database owns, the agent applies and the relay brings from one to the other. */
export interface Pushed {
  /** What the agent said it applied. */
  applied: number;
  /** Of which version the agent said what it refuses: its hello says the version alone. */
  told: number;
  /** What the database has; null = it changed, ask it. */
  wanted: number | null;
  resendAtMs: number | null;
  resendMs: number;
}

export interface Job {
  readonly jobId: string;
  readonly kind: JobKind;
  readonly source: "asked" | "schedule";
  repositoryId: string | null;
  scheduleId: string | null;
  readonly createdAtMs: number;
  /** When its schedule meant it to run, and how many fires before it were missed. */
  nominalMs: number | null;
  missed: number;
  state: JobState;
  /** +1 per change of state: one fact each. */
  factNo: number;
  /** What to send; null once the agent has it. */
  spec: JobSpec | null;
  /** Goes with the spec and is dropped with it. */
  lent: WireRepository | null;
  notAfterMs: number | null;
  /** "May have been read": kept before it is sent. */
  sent: boolean;
  /** The agent's journal has it. */
  accepted: boolean;
  cancelAsked: boolean;
  /** When an unanswered start or cancel goes out again. */
  resendAtMs: number | null;
  resendMs: number;
  startedAtMs: number | null;
  finishedAtMs: number | null;
  receivedAtMs: number | null;
  warnings: number;
  failure: Failure | null;
  lastError: string | null;
  summary: BackupSummary | null;
  result: JobResult | null;
  resticVersion: string | null;
  /** Highest contiguous seq kept. */
  acked: number;
}

export function newHost(): KeptHost {
  const pushed = (): Pushed => ({ applied: 0, told: 0, wanted: 0, resendAtMs: null, resendMs: 0 });
  return {
    epoch: 0,
    confirmed: 0,
    minted: 0,
    locked: false,
    holders: [],
    claimants: [],
    chosen: null,
    claimNo: 0,
    online: false,
    presenceNo: 0,
    about: "",
    silentSinceMs: null,
    config: pushed(),
    schedule: pushed(),
  };
}

export function newJob(
  known: Pick<Job, "jobId" | "kind" | "source" | "repositoryId" | "scheduleId" | "createdAtMs">,
): Job {
  return {
    ...known,
    state: "queued",
    factNo: 0,
    nominalMs: null,
    missed: 0,
    spec: null,
    lent: null,
    notAfterMs: null,
    sent: false,
    accepted: false,
    cancelAsked: false,
    resendAtMs: null,
    resendMs: 0,
    startedAtMs: null,
    finishedAtMs: null,
    receivedAtMs: null,
    warnings: 0,
    failure: null,
    lastError: null,
    summary: null,
    result: null,
    resticVersion: null,
    acked: 0,
  };
}

export function isTerminal(job: Job): boolean {
  return TERMINAL_STATES.has(job.state);
}
