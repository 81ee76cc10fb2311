import type { Result } from "../../protocol/failure.ts";
import type { JobRecord, Progress, ServerMessage } from "../../protocol/wire.ts";
import type { AgentAttachment, SocketRef } from "./events.ts";
import type { Fact } from "./facts.ts";
import type { Job } from "./state.ts";

/**
 * What a turn owes the world, carried out in the order of the fields, whatever the step listed first: save, attach,
 * send, close; then the shell sets the alarm and flushes facts. Save first: nothing is announced that could be
 * forgotten. Attach before send: an answer must find its socket known (PROTOCOL section 8).
 */
export interface Effects {
  // save, in one transaction
  saveHost: boolean;
  readonly saveJobs: Set<Job>;
  readonly append: Append[];
  readonly facts: Fact[];
  // attach
  readonly attach: { socket: SocketRef; attachment: AgentAttachment }[];
  // send
  readonly send: { to: SocketRef | "agent"; message: ServerMessage }[];
  /** Highest seq to acknowledge, per job. */
  readonly acks: Map<string, number>;
  /** Jobs whose browsers are to hear the state, and the last progress to show. */
  readonly tellState: Set<string>;
  readonly progress: Map<string, Progress>;
  // close
  readonly close: { socket: SocketRef; code: number; reason: string }[];
  // ask the database, outside the turn
  readonly load: Set<PushedSet>;
  /** Jobs that got their verdict in this turn. */
  readonly ended: Set<string>;
  /** What an operator may want to read in the log. */
  readonly notes: { event: string; fields: Readonly<Record<string, unknown>> }[];
  /** The answer to commandQueued, cancelAsked and claimantChosen. */
  answer: Result<null>;
}

export type PushedSet = "config" | "schedule";

/** Records of one job in order; `first` is the seq of `records[from]`. `last` is more only for the mark of a hole. */
export interface Append {
  jobId: string;
  first: number;
  last: number;
  records: readonly JobRecord[];
  from: number;
}

export function noEffects(): Effects {
  return {
    saveHost: false,
    saveJobs: new Set(),
    append: [],
    facts: [],
    attach: [],
    send: [],
    acks: new Map(),
    tellState: new Set(),
    progress: new Map(),
    close: [],
    load: new Set(),
    ended: new Set(),
    notes: [],
    answer: { ok: true, value: null },
  };
}
