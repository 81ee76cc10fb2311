import { join } from "node:path";
import type { SpoolBudget } from "./budget.ts";
import type { SpoolDisk } from "./disk.ts";
import { checkedLine, encodeLine, lineAt } from "./lines.ts";

/** A new file begins past this size, so that acknowledged records leave the disk in pieces. */
const SEGMENT_BYTES = 1024 * 1024;
const READ_BYTES = 64 * 1024;

/** A file `<first seq>.log` of consecutive records. */
interface Segment {
  first: number;
  path: string;
  /** Length of the part that is known to be whole and on disk. */
  bytes: number;
}

export interface Batch {
  /** Seq of the first record. */
  first: number;
  /** JSON texts of JobRecord, in order. */
  records: string[];
  bytes: number;
}

/** How much one read may answer; a single record is answered whatever its size. */
export interface ReadLimit {
  bytes: number;
  records: number;
}

/** The numbered records of one job in files. Every function that writes throws the system's error and can be repeated. */
export class Segments {
  readonly #directory: string;
  readonly #disk: SpoolDisk;
  readonly #budget: SpoolBudget;
  readonly #list: Segment[] = [];
  #fd: number | null = null;
  #tail = 0;
  /** Where the last read ended: reads go on where they stopped. */
  #cursor: { seq: number; segment: Segment; offset: number } | null = null;

  constructor(directory: string, disk: SpoolDisk, budget: SpoolBudget) {
    this.#directory = directory;
    this.#disk = disk;
    this.#budget = budget;
  }

  /** Last seq on disk. */
  get tail(): number {
    return this.#tail;
  }
  /** First seq on disk; null when there is none. */
  get floor(): number | null {
    return this.#list.find((segment) => segment.bytes > 0)?.first ?? null;
  }

  /**
   * Takes over what a former run left, and shows each record; what a crash tore off the end does not count. What is
   * appended begins a file of its own: most jobs of a former run get no more, and need no open file.
   */
  load(see: (seq: number, json: string) => void): void {
    const firsts = this.#disk
      .list(this.#directory)
      .flatMap((name) => /^(\d+)\.log$/.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
    for (const [i, first] of firsts.entries()) {
      const segment: Segment = { first, path: join(this.#directory, `${first}.log`), bytes: 0 };
      const bytes = this.#disk.read(segment.path);
      const end = firsts[i + 1] ?? Number.POSITIVE_INFINITY;
      let seq = first;
      for (let line = checkedLine(bytes, 0, seq); line && seq < end; line = checkedLine(bytes, segment.bytes, seq)) {
        segment.bytes = line.end;
        see(seq, line.json);
        seq += 1;
      }
      this.#tail = seq - 1;
      this.#list.push(segment);
      this.#budget.count(segment.bytes);
    }
  }

  /** Appends records from seq `first` on, with one write and one fsync. `first` past the tail leaves a hole. */
  append(first: number, records: readonly string[]): void {
    let segment = this.#list.at(-1);
    if (!segment || segment.bytes >= SEGMENT_BYTES || first !== this.#tail + 1 || this.#fd === null)
      segment = this.#begin(first);
    let text = "";
    let seq = first;
    for (const record of records) text += encodeLine(seq++, record);
    const bytes = Buffer.from(text);
    // At a fixed position: what a failed write left behind is written over.
    this.#disk.writeAt(this.#fd!, bytes, segment.bytes);
    this.#disk.sync(this.#fd!);
    if (segment.bytes === 0) this.#disk.syncDirectory(this.#directory);
    segment.bytes += bytes.length;
    this.#budget.count(bytes.length);
    this.#tail = seq - 1;
  }

  /** The next record to come is `seq` + 1; nothing is below it. */
  skipTo(seq: number): void {
    this.#tail = seq;
    this.#begin(seq + 1);
    this.#disk.sync(this.#fd!);
    this.#disk.syncDirectory(this.#directory);
  }

  /** Removes the files whose records are all numbered `seq` or below; the newest file stays, for its name is the tail. */
  dropThrough(seq: number): void {
    while (this.#list.length > 1 && this.#list[1]!.first <= seq + 1) {
      const oldest = this.#list.shift()!;
      if (this.#cursor?.segment === oldest) this.#cursor = null;
      this.#budget.count(-oldest.bytes);
      this.#disk.remove(oldest.path);
    }
  }

  /** Records from `from` on; its `first` is later than `from` only where there is a hole. Null at the end. */
  read(from: number, limit: ReadLimit): Batch | null {
    const known = this.#cursor?.seq === from ? this.#cursor : null;
    let at = known ? this.#list.indexOf(known.segment) : this.#list.findLastIndex((segment) => segment.first <= from);
    let offset = known?.offset ?? 0;
    for (at = Math.max(0, at); at < this.#list.length; at++, offset = 0) {
      const batch = this.#readSegment(this.#list[at]!, offset, from, limit);
      if (batch) return batch;
    }
    return null;
  }

  /** Removes all of it, with its folder. */
  remove(): void {
    this.close();
    for (const segment of this.#list.splice(0)) this.#budget.count(-segment.bytes);
    this.#disk.remove(this.#directory);
  }

  close(): void {
    const fd = this.#fd;
    this.#fd = null;
    if (fd !== null) this.#disk.close(fd);
  }

  #begin(first: number): Segment {
    this.close();
    const last = this.#list.at(-1);
    const segment = last?.first === first ? last : { first, path: join(this.#directory, `${first}.log`), bytes: 0 };
    this.#disk.makeDirectory(this.#directory);
    this.#fd = this.#disk.create(segment.path);
    if (segment !== last) this.#list.push(segment);
    return segment;
  }

  #readSegment(segment: Segment, start: number, from: number, limit: ReadLimit): Batch | null {
    const batch: Batch = { first: 0, records: [], bytes: 0 };
    let offset = start;
    let piece: Buffer = Buffer.alloc(0);
    let pieceAt = offset;
    let size = READ_BYTES;
    while (offset < segment.bytes) {
      const line = lineAt(piece, offset - pieceAt);
      if (!line) {
        // Twice as much when not even one line was whole.
        if (pieceAt === offset && piece.length > 0) size *= 2;
        piece = this.#disk.readRange(segment.path, offset, Math.min(segment.bytes, offset + size));
        pieceAt = offset;
        if (piece.length === 0) break;
        continue;
      }
      if (line.seq >= from) {
        const bytes = line.end - (offset - pieceAt);
        const fits = batch.bytes + bytes <= limit.bytes && batch.records.length < limit.records;
        if (batch.records.length > 0 && !fits) break;
        if (batch.records.length === 0) batch.first = line.seq;
        batch.records.push(line.json);
        batch.bytes += bytes;
      }
      offset = pieceAt + line.end;
    }
    if (batch.records.length === 0) return null;
    this.#cursor = { seq: batch.first + batch.records.length, segment, offset };
    return batch;
  }
}
