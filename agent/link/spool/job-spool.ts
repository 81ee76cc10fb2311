import { join } from "node:path";
import { BATCH_BYTES, BATCH_MS } from "../../../protocol/limits.ts";
import { isFact, type JobRecord } from "../../../protocol/wire.ts";
import { isSystemError } from "../../disk/atomic-file.ts";
import type { SpoolBudget } from "./budget.ts";
import type { SpoolDisk } from "./disk.ts";
import { checkedLine, encodeLine, lineAt } from "./lines.ts";

/** A new file begins past this size, so that acknowledged records leave the disk in pieces. */
const SEGMENT_BYTES = 1024 * 1024;
/** Lines kept in memory while the disk cannot be written; facts are always kept. */
const MEMORY_LINE_BYTES = 4 * 1024 * 1024;

/** A file `<first seq>.log` of consecutive records. */
interface Segment {
  first: number;
  path: string;
  /** Length of the part that is known to be whole and on disk. */
  bytes: number;
}

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

export interface Batch {
  /** Seq of the first record. */
  first: number;
  /** JSON texts of JobRecord, in order. */
  records: string[];
  bytes: number;
}

/**
 * The ordered stream of one job on disk. A record gets its number when it is fsynced and only then can be read;
 * nothing numbered leaves before it is acknowledged (PROTOCOL section 5). When the disk refuses, records are numbered
 * in memory and written as soon as it takes them again.
 */
export class JobSpool {
  readonly #options: SpoolOptions;
  readonly #segments: Segment[] = [];
  #fd: number | null = null;
  #tail = 0;
  /** Last seq on disk; below `#tail` only while the disk refuses. */
  #diskTail = 0;
  /** Records #diskTail + 1 to #tail, less those acknowledged. */
  #memory: { first: number; records: string[]; bytes: number } = { first: 1, records: [], bytes: 0 };
  #pending: string[] = [];
  #pendingBytes = 0;
  #callOff: (() => void) | null = null;
  #droppedLines = 0;
  #droppedKept = 0;
  #acked = 0;
  #ended = false;
  #troubled = false;
  /** Where the last read ended: reads go on where they stopped. */
  #cursor: { seq: number; segment: Segment; offset: number } | null = null;

  private constructor(options: SpoolOptions) {
    this.#options = options;
  }

  /** An empty spool in a folder of its own. */
  static create(options: SpoolOptions): JobSpool {
    const spool = new JobSpool(options);
    spool.#attempt(() => options.disk.makeDirectory(options.directory));
    return spool;
  }

  /** The spool a former run left; what a crash tore off the end is cut away. */
  static open(options: SpoolOptions): JobSpool {
    const spool = new JobSpool(options);
    spool.#load();
    return spool;
  }

  /** Last seq that is kept. */
  get tail(): number {
    return this.#tail;
  }
  /** First seq that is still here; tail + 1 when none is. */
  get floor(): number {
    if (this.#acked >= this.#tail) return this.#tail + 1;
    const oldest = this.#segments.find((segment) => segment.bytes > 0);
    return Math.max(this.#acked + 1, oldest?.first ?? this.#memory.first);
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
    if (this.#ended) throw new Error("a record after the verdict");
    if (record.type === "logged" && !this.#takesLines()) {
      this.#droppedLines += 1;
      this.#flushSoon();
      return;
    }
    if (this.#droppedLines > 0 && (record.type === "logged" || record.type === "finished")) this.#addDroppedMark();
    this.#push(record);
    if (record.type === "finished") this.#ended = true;
    if (isFact(record) || this.#pendingBytes >= BATCH_BYTES) this.flush();
    else this.#flushSoon();
  }

  /** Keeps what waits: one append and one fsync. */
  flush(): void {
    this.#callOff?.();
    this.#callOff = null;
    if (this.#pending.length + this.#memory.records.length > 0) this.#keepPending();
    if (this.#memory.records.length === 0) this.#keepDroppedCount();
  }

  #keepPending(): void {
    const records = this.#memory.records.concat(this.#pending);
    const first = this.#tail - this.#memory.records.length + 1;
    const written = this.#attempt(() => this.#writeToDisk(first, records));
    this.#tail += this.#pending.length;
    if (written) {
      this.#diskTail = this.#tail;
      this.#memory = { first: this.#tail + 1, records: [], bytes: 0 };
    } else {
      this.#memory = { first, records, bytes: this.#memory.bytes + this.#pendingBytes };
    }
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#options.onKept();
  }

  /** Records from `from` on, at least one when there is any; its `first` is later only after a loss. Null at the end. */
  read(from: number, maxBytes: number, maxRecords: number): Batch | null {
    if (from > this.#tail) return null;
    return this.#readDisk(from, maxBytes, maxRecords) ?? this.#readMemory(from, maxBytes, maxRecords);
  }

  /** The server has everything up to `seq`: it may leave. */
  acknowledge(seq: number): void {
    if (seq <= this.#acked) return;
    this.#acked = seq;
    if (seq > this.#tail) this.#raiseTail(seq);
    while (this.#segments.length > 1 && this.#segments[1]!.first <= seq + 1) this.#dropOldest();
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
    this.#closeFile();
    for (const segment of this.#segments) this.#options.budget.count(-segment.bytes);
    this.#segments.length = 0;
    this.#attempt(() => this.#options.disk.remove(this.#options.directory));
  }

  /** Keeps what waits and lets the files go; the spool can be opened again. */
  close(): void {
    this.flush();
    this.#closeFile();
  }

  // ---- filling ------------------------------------------------------------------------------------------------------

  #takesLines(): boolean {
    return this.#options.budget.takesLines && this.#memory.bytes < MEMORY_LINE_BYTES;
  }

  #push(record: JobRecord): void {
    const json = JSON.stringify(record);
    this.#pending.push(json);
    this.#pendingBytes += Buffer.byteLength(json);
  }

  #addDroppedMark(): void {
    this.#push({ type: "dropped", atMs: this.#options.nowMs(), lines: this.#droppedLines });
    this.#droppedLines = 0;
    // Before anything else is counted: the kept count is settled by the mark that follows it.
    this.flush();
  }

  #flushSoon(): void {
    this.#callOff ??= this.#options.after(BATCH_MS, () => {
      this.#callOff = null;
      this.flush();
    });
  }

  // ---- disk ---------------------------------------------------------------------------------------------------------

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

  #writeToDisk(first: number, records: readonly string[]): void {
    const { disk, budget } = this.#options;
    let segment = this.#segments.at(-1);
    if (!segment || segment.bytes >= SEGMENT_BYTES || first !== this.#diskTail + 1 || this.#fd === null) {
      segment = this.#addSegment(first);
    }
    let text = "";
    let seq = first;
    for (const record of records) text += encodeLine(seq++, record);
    const bytes = Buffer.from(text);
    // At a fixed position: what a failed write left behind is written over.
    disk.writeAt(this.#fd!, bytes, segment.bytes);
    disk.sync(this.#fd!);
    if (segment.bytes === 0) disk.syncDirectory(this.#options.directory);
    segment.bytes += bytes.length;
    budget.count(bytes.length);
  }

  #addSegment(first: number): Segment {
    const { disk, directory } = this.#options;
    const last = this.#segments.at(-1);
    this.#closeFile();
    const segment = last?.first === first ? last : { first, path: join(directory, `${first}.log`), bytes: 0 };
    disk.makeDirectory(directory);
    this.#fd = disk.create(segment.path);
    if (segment !== last) this.#segments.push(segment);
    return segment;
  }

  #dropOldest(): void {
    const oldest = this.#segments.shift()!;
    if (this.#cursor?.segment === oldest) this.#cursor = null;
    this.#options.budget.count(-oldest.bytes);
    this.#attempt(() => this.#options.disk.remove(oldest.path));
  }

  /** The server has more than this disk, which was rolled back: never number below it. */
  #raiseTail(seq: number): void {
    this.#tail = seq;
    this.#diskTail = seq;
    this.#memory = { first: seq + 1, records: [], bytes: 0 };
    const made = this.#attempt(() => {
      this.#addSegment(seq + 1);
      this.#options.disk.sync(this.#fd!);
      this.#options.disk.syncDirectory(this.#options.directory);
    });
    if (!made) this.#closeFile();
  }

  #closeFile(): void {
    const fd = this.#fd;
    this.#fd = null;
    if (fd !== null) this.#attempt(() => this.#options.disk.close(fd));
  }

  // ---- the count of dropped lines -----------------------------------------------------------------------------------

  get #droppedFile(): string {
    return join(this.#options.directory, "dropped");
  }

  /** Keeps `<count> <tail when it was kept>`: a mark after that tail says that the count is settled. */
  #keepDroppedCount(): void {
    if (this.#droppedLines === this.#droppedKept) return;
    const text = `${this.#droppedLines} ${this.#tail}\n`.padStart(40);
    const kept = this.#attempt(() => {
      const { disk } = this.#options;
      const fd = this.#droppedKept === 0 ? disk.create(this.#droppedFile) : disk.open(this.#droppedFile);
      try {
        disk.writeAt(fd, Buffer.from(text), 0);
        disk.sync(fd);
      } finally {
        disk.close(fd);
      }
    });
    if (kept) this.#droppedKept = this.#droppedLines;
  }

  // ---- reading ------------------------------------------------------------------------------------------------------

  #readDisk(from: number, maxBytes: number, maxRecords: number): Batch | null {
    let at = this.#cursor?.seq === from ? this.#segments.indexOf(this.#cursor.segment) : -1;
    let offset = at >= 0 ? this.#cursor!.offset : 0;
    if (at < 0)
      at = Math.max(
        0,
        this.#segments.findLastIndex((segment) => segment.first <= from),
      );
    for (; at < this.#segments.length; at++, offset = 0) {
      const segment = this.#segments[at]!;
      const batch = this.#readSegment(segment, offset, { from, maxBytes, maxRecords });
      if (batch) return batch;
    }
    return null;
  }

  #readSegment(
    segment: Segment,
    start: number,
    want: { from: number; maxBytes: number; maxRecords: number },
  ): Batch | null {
    let offset = start;
    const batch: Batch = { first: 0, records: [], bytes: 0 };
    let chunk: Buffer = Buffer.alloc(0);
    let chunkAt = offset;
    let size = 64 * 1024;
    while (offset < segment.bytes) {
      const line = lineAt(chunk, offset - chunkAt);
      if (!line) {
        // The next piece; twice as much when not even one line was whole.
        if (chunkAt === offset && chunk.length > 0) size *= 2;
        chunk = this.#options.disk.readRange(segment.path, offset, Math.min(segment.bytes, offset + size));
        chunkAt = offset;
        if (chunk.length === 0) break;
        continue;
      }
      if (line.seq >= want.from) {
        const bytes = line.end - (offset - chunkAt);
        const fits = batch.bytes + bytes <= want.maxBytes && batch.records.length < want.maxRecords;
        if (batch.records.length > 0 && !fits) break;
        if (batch.records.length === 0) batch.first = line.seq;
        batch.records.push(line.json);
        batch.bytes += bytes;
      }
      offset = chunkAt + line.end;
    }
    if (batch.records.length === 0) return null;
    this.#cursor = { seq: batch.first + batch.records.length, segment, offset };
    return batch;
  }

  #readMemory(from: number, maxBytes: number, maxRecords: number): Batch | null {
    const first = Math.max(from, this.#memory.first);
    const batch: Batch = { first, records: [], bytes: 0 };
    for (const record of this.#memory.records.slice(first - this.#memory.first)) {
      const bytes = Buffer.byteLength(record);
      if (batch.records.length > 0 && (batch.bytes + bytes > maxBytes || batch.records.length >= maxRecords)) break;
      batch.records.push(record);
      batch.bytes += bytes;
    }
    return batch.records.length > 0 ? batch : null;
  }

  // ---- a former run's files -----------------------------------------------------------------------------------------

  #load(): void {
    const { disk, directory, budget } = this.#options;
    const firsts = disk
      .list(directory)
      .flatMap((name) => /^(\d+)\.log$/.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
    let marked = 0;
    for (const [i, first] of firsts.entries()) {
      const segment: Segment = { first, path: join(directory, `${first}.log`), bytes: 0 };
      const bytes = disk.read(segment.path);
      const end = firsts[i + 1];
      let seq = first;
      for (let line = checkedLine(bytes, 0, seq); line; line = checkedLine(bytes, segment.bytes, seq)) {
        if (end !== undefined && seq >= end) break;
        segment.bytes = line.end;
        if (line.json.startsWith('{"type":"dropped"')) marked = seq;
        this.#ended = line.json.startsWith('{"type":"finished"');
        seq += 1;
      }
      this.#tail = seq - 1;
      this.#segments.push(segment);
      budget.count(segment.bytes);
    }
    this.#diskTail = this.#tail;
    this.#memory.first = this.#tail + 1;
    const last = this.#segments.at(-1);
    if (last) this.#fd = disk.open(last.path);
    this.#loadDroppedCount(marked);
  }

  #loadDroppedCount(marked: number): void {
    const { disk, directory } = this.#options;
    if (!disk.list(directory).includes("dropped")) return;
    const [lines = 0, tail = 0] = disk.read(this.#droppedFile).toString("latin1").trim().split(" ").map(Number);
    this.#droppedKept = lines;
    this.#droppedLines = marked > tail ? 0 : lines;
  }
}

function sizeOf(records: readonly string[]): number {
  return records.reduce((sum, record) => sum + Buffer.byteLength(record), 0);
}
