import { ACK_STALL_MS, IN_FLIGHT_BYTES, MAX_RECORDS_PER_FRAME } from "../../protocol/limits.ts";
import type { JobSpool } from "./spool/job-spool.ts";

/** A job whose records may have to leave. */
export interface OutgoingJob {
  jobId: string;
  finished: boolean;
  spool: Pick<JobSpool, "tail" | "read">;
}

/** Well below the frame limit, so that one long record still fits behind others. */
const FRAME_BYTES = 96 * 1024;
const LEAST_FRAME_BYTES = 4 * 1024;

interface Stream {
  /** Last seq that is on its way. */
  sent: number;
  acked: number;
  /** Frames on their way, oldest first. */
  inFlight: { last: number; bytes: number }[];
}

/**
 * Decides which records go out on the present socket: at most 1 MiB unacknowledged, jobs in turn, those of finished
 * jobs first (PROTOCOL section 5). A new socket begins with `restart`.
 */
export class Outflow {
  readonly #nowMs: () => number;
  #streams = new Map<string, Stream>();
  #inFlightBytes = 0;
  #movedMs = 0;
  #frameBytes = FRAME_BYTES;
  #lastServed = "";

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** A socket is live; `acked` is what the welcome said. */
  restart(acked: Readonly<Record<string, number>>): void {
    this.#streams = new Map(
      Object.entries(acked).map(([jobId, seq]) => [jobId, { sent: seq, acked: seq, inFlight: [] }]),
    );
    this.#inFlightBytes = 0;
    this.#movedMs = this.#nowMs();
  }

  /** The server found a frame too big. */
  halveFrames(): void {
    this.#frameBytes = Math.max(LEAST_FRAME_BYTES, this.#frameBytes / 2);
  }

  acknowledged(jobId: string, seq: number): void {
    const stream = this.#streams.get(jobId);
    if (!stream || seq <= stream.acked) return;
    stream.acked = seq;
    stream.sent = Math.max(stream.sent, seq);
    while (stream.inFlight[0] && stream.inFlight[0].last <= seq) this.#inFlightBytes -= stream.inFlight.shift()!.bytes;
    this.#movedMs = this.#nowMs();
  }

  /** A job has left: nothing of it is on its way. */
  forget(jobId: string): void {
    const stream = this.#streams.get(jobId);
    for (const frame of stream?.inFlight ?? []) this.#inFlightBytes -= frame.bytes;
    this.#streams.delete(jobId);
  }

  /** Whether enough is on its way. */
  get isFull(): boolean {
    return this.#inFlightBytes >= IN_FLIGHT_BYTES;
  }

  /** The next `job.events` frame, or null when nothing waits or enough is on its way. */
  next(jobs: readonly OutgoingJob[]): string | null {
    if (this.isFull) return null;
    for (const job of this.#inTurn(jobs)) {
      const stream = this.#streamOf(job.jobId);
      if (stream.sent >= job.spool.tail) continue;
      const batch = job.spool.read(stream.sent + 1, { bytes: this.#frameBytes, records: MAX_RECORDS_PER_FRAME });
      if (!batch) continue;
      const last = batch.first + batch.records.length - 1;
      const lost = batch.first > stream.sent + 1;
      stream.sent = last;
      stream.inFlight.push({ last, bytes: batch.bytes });
      if (this.#inFlightBytes === 0) this.#movedMs = this.#nowMs();
      this.#inFlightBytes += batch.bytes;
      this.#lastServed = job.jobId;
      // The records are JSON texts already: only the frame around them is made here.
      return `{"type":"job.events","jobId":"${job.jobId}","first":${batch.first},"records":[${batch.records.join(",")}]${lost ? ',"lost":true' : ""}}`;
    }
    return null;
  }

  /** How long until the wait for an acknowledgement is too long; null while none is owed. */
  stallInMs(): number | null {
    return this.#inFlightBytes === 0 ? null : Math.max(0, this.#movedMs + ACK_STALL_MS - this.#nowMs());
  }

  #streamOf(jobId: string): Stream {
    const known = this.#streams.get(jobId);
    if (known) return known;
    const fresh: Stream = { sent: 0, acked: 0, inFlight: [] };
    this.#streams.set(jobId, fresh);
    return fresh;
  }

  /** Finished jobs before running ones; within each, those after the last one served come first. */
  #inTurn(jobs: readonly OutgoingJob[]): OutgoingJob[] {
    if (jobs.length < 2) return [...jobs];
    const served = jobs.findIndex((job) => job.jobId === this.#lastServed);
    const turn = [...jobs.slice(served + 1), ...jobs.slice(0, served + 1)];
    return [...turn.filter((job) => job.finished), ...turn.filter((job) => !job.finished)];
  }
}
