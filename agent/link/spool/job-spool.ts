import { BATCH_BYTES, BATCH_MS } from "../../../protocol/limits.ts";
import { isFact, type JobRecord } from "../../../protocol/wire.ts";
import { isSystemError } from "../../disk/atomic-file.ts";
import type { SpoolBudget } from "./budget.ts";
import type { SpoolDisk } from "./disk.ts";
import { DroppedCount } from "./dropped-count.ts";
import { Segments, type Batch, type ReadLimit } from "./segments.ts";

/** Lines kept in memory while the disk cannot be written; facts are always kept. */
const MEMORY_LINE_BYTES = 4 * 1024 * 1024;
/** Of many records added together, those kept with one fsync. */
const MANY_BYTES = 512 * 1024;

export interface SpoolOptions {
  directory: string;
  disk: SpoolDisk;
  budget: SpoolBudget;
  nowMs(): number;
  /** Runs `task` once, `afterMs` from now; answers how to call it off. */
  after(afterMs: number, task: () => void): () => void;
  /** New records can be sent. */
  onKept(): void;
  /** The disk refused (a text) or took records again (null). */
  onTrouble(why: string | null): void;
}

/**
 * The ordered stream of one job. A record gets its number when it is fsynced and only then can be read; nothing
 * numbered leaves before it is acknowledged (PROTOCOL section 5). When the disk refuses, records are numbered in
 * memory and written as soon as it takes them again.
 */
export class JobSpool {
  readonly #options: SpoolOptions;
  readonly #segments: Segments;
  readonly #dropped: DroppedCount;
  #tail = 0;
  /** The last records up to the tail that the disk has not taken, less those acknowledged. */
  #memory: { first: number; records: string[]; bytes: number } = { first: 1, records: [], bytes: 0 };
  #pending: string[] = [];
  #pendingBytes = 0;
  #callOff: (() => void) | null = null;
  #acked = 0;
  #ended = false;
  #troubled = false;

  private constructor(options: SpoolOptions) {
    const { directory, disk, budget } = options;
    this.#options = options;
    this.#segments = new Segments(directory, disk, budget);
    this.#dropped = new DroppedCount(directory, disk);
  }

  /** An empty spool in a folder of its own. */
  static create(options: SpoolOptions): JobSpool {
    const spool = new JobSpool(options);
    spool.#attempt(() => options.disk.makeDirectory(options.directory));
    return spool;
  }

  /** The spool a former run left. */
  static open(options: SpoolOptions): JobSpool {
    const spool = new JobSpool(options);
    let marked = 0;
    spool.#segments.load((seq, json) => {
      if (json.startsWith('{"type":"dropped"')) marked = seq;
      spool.#ended = json.startsWith('{"type":"finished"');
    });
    spool.#tail = spool.#segments.tail;
    spool.#memory.first = spool.#tail + 1;
    spool.#dropped.load(marked);
    return spool;
  }

  /** Last seq that is kept. */
  get tail(): number {
    return this.#tail;
  }
  /** First seq that is still here; tail + 1 when none is. */
  get floor(): number {
    if (this.#acked >= this.#tail) return this.#tail + 1;
    return Math.max(this.#acked + 1, this.#segments.floor ?? this.#memory.first);
  }
  /** Highest seq the server has confirmed. */
  get acked(): number {
    return this.#acked;
  }
  /** Whether the verdict is in: nothing may follow it. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Adds a record. Facts are kept at once, lines with the next batch, at the latest after 100 ms. */
  add(record: JobRecord): void {
    this.addAll([record]);
  }

  /** Adds records in their order, as `add` does; the facts among them share their fsyncs. */
  addAll(records: readonly JobRecord[]): void {
    for (const record of records) {
      this.#queue(record);
      if (this.#pendingBytes >= MANY_BYTES) this.flush();
    }
    if (records.some(isFact) || this.#pendingBytes >= BATCH_BYTES) this.flush();
    else this.#flushSoon();
  }

  /** Keeps what waits: one append and one fsync. */
  flush(): void {
    this.#callOff?.();
    this.#callOff = null;
    if (this.#pending.length + this.#memory.records.length > 0) this.#keepPending();
    if (this.#memory.records.length === 0) this.#attempt(() => this.#dropped.keep(this.#tail));
  }

  /** Records from `from` on, at least one when there is any; its `first` is later only after a loss. Null at the end. */
  read(from: number, limit: ReadLimit): Batch | null {
    if (from > this.#tail) return null;
    return this.#segments.read(from, limit) ?? this.#readMemory(from, limit);
  }

  /** The server has everything up to `seq`: it may leave. */
  acknowledge(seq: number): void {
    if (seq <= this.#acked) return;
    this.#acked = seq;
    if (seq > this.#tail) {
      // The server has more than this disk, which was rolled back: never number below it.
      this.#tail = seq;
      this.#memory = { first: seq + 1, records: [], bytes: 0 };
      this.#attempt(() => this.#segments.skipTo(seq));
    }
    this.#attempt(() => this.#segments.dropThrough(seq));
    const gone = Math.min(seq - this.#memory.first + 1, this.#memory.records.length);
    if (gone > 0) {
      this.#memory.bytes -= sizeOf(this.#memory.records.splice(0, gone));
      this.#memory.first += gone;
    }
  }

  /** Removes the spool and its folder for good. */
  remove(): void {
    this.#callOff?.();
    this.#callOff = null;
    this.#attempt(() => this.#segments.remove());
  }

  /** Keeps what waits and lets the files go; the spool can be opened again. */
  close(): void {
    this.flush();
    this.#attempt(() => this.#segments.close());
  }

  #takesLines(): boolean {
    return this.#options.budget.takesLines && this.#memory.bytes < MEMORY_LINE_BYTES;
  }

  #queue(record: JobRecord): void {
    if (this.#ended) throw new Error("a record after the verdict");
    if (record.type === "logged" && !this.#takesLines()) {
      this.#dropped.lines += 1;
      return;
    }
    if (this.#dropped.lines > 0 && (record.type === "logged" || record.type === "finished")) this.#addDroppedMark();
    this.#push(record);
    if (record.type === "finished") this.#ended = true;
  }

  #push(record: JobRecord): void {
    const json = JSON.stringify(record);
    this.#pending.push(json);
    this.#pendingBytes += Buffer.byteLength(json);
  }

  #addDroppedMark(): void {
    this.#push({ type: "dropped", atMs: this.#options.nowMs(), lines: this.#dropped.lines });
    this.#dropped.lines = 0;
    // Before anything else is counted: the kept count is settled by the mark that follows it.
    this.flush();
  }

  #flushSoon(): void {
    this.#callOff ??= this.#options.after(BATCH_MS, () => {
      this.#callOff = null;
      this.flush();
    });
  }

  #keepPending(): void {
    const records = this.#memory.records.concat(this.#pending);
    const first = this.#tail - this.#memory.records.length + 1;
    const bytes = this.#memory.bytes + this.#pendingBytes;
    const written = this.#attempt(() => this.#segments.append(first, records));
    this.#tail += this.#pending.length;
    this.#memory = written ? { first: this.#tail + 1, records: [], bytes: 0 } : { first, records, bytes };
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#options.onKept();
  }

  #readMemory(from: number, limit: ReadLimit): Batch | null {
    const first = Math.max(from, this.#memory.first);
    const batch: Batch = { first, records: [], bytes: 0 };
    for (const record of this.#memory.records.slice(first - this.#memory.first)) {
      const bytes = Buffer.byteLength(record);
      const fits = batch.bytes + bytes <= limit.bytes && batch.records.length < limit.records;
      if (batch.records.length > 0 && !fits) break;
      batch.records.push(record);
      batch.bytes += bytes;
    }
    return batch.records.length > 0 ? batch : null;
  }

  /** Does `work` on the disk; a refusal of the system is reported, not thrown. */
  #attempt(work: () => void): boolean {
    try {
      work();
    } catch (error) {
      if (!isSystemError(error)) throw error;
      if (!this.#troubled) this.#options.onTrouble(error.message);
      this.#troubled = true;
      return false;
    }
    if (this.#troubled) this.#options.onTrouble(null);
    this.#troubled = false;
    return true;
  }
}

function sizeOf(records: readonly string[]): number {
  return records.reduce((sum, record) => sum + Buffer.byteLength(record), 0);
}
