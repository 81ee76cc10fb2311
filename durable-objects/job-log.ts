import { deflateRaw, inflateRawSync } from "node:zlib";
import type { Append } from "../core/relay/effects.ts";
import { CHUNK_BYTES } from "../protocol/limits.ts";
import type { JobRecord } from "../protocol/wire.ts";
import type { RelayPlatform, SqlValue } from "./platform.ts";

/** A run of records: `body` holds their JSON texts with commas between. */
export interface Chunk {
  jobId: string;
  first: number;
  last: number;
  /** Less than last - first + 1 for the mark of a hole. */
  records: number;
  body: string;
}

/** Text to compress into one row. Log text shrinks five times and more, so this gives rows of about 50 KiB. */
const COMPACT_UNITS = 256 * 1024;

/** What a turn appends, as few chunks as fit: one serialisation for storage and for every browser. */
export function chunksOf(appends: readonly Append[]): Chunk[] {
  const chunks: Chunk[] = [];
  for (const append of appends) {
    const records = append.from === 0 ? append.records : append.records.slice(append.from);
    const body = JSON.stringify(records).slice(1, -1);
    const { jobId, first, last } = append;
    const before = chunks.findLast((chunk) => chunk.jobId === jobId);
    if (
      before &&
      !isHole(before) &&
      records.length === last - first + 1 &&
      before.body.length + body.length <= CHUNK_BYTES
    ) {
      before.last = last;
      before.records += records.length;
      before.body += `,${body}`;
    } else chunks.push({ jobId, first, last, records: records.length, body });
  }
  return chunks;
}

function isHole(chunk: Pick<Chunk, "first" | "last" | "records">): boolean {
  return chunk.records !== chunk.last - chunk.first + 1;
}

function chunkOfRow(jobId: string, row: Record<string, SqlValue>): Chunk {
  const body = row["body"]!;
  return {
    jobId,
    first: row["first_seq"] as number,
    last: row["last_seq"] as number,
    records: row["records"] as number,
    body: typeof body === "string" ? body : inflate(body as ArrayBuffer),
  };
}

/** The part of a chunk behind `afterSeq`, which lies within it. */
function chunkAfter(chunk: Chunk, afterSeq: number): Chunk {
  const records = recordsOf(chunk).slice(afterSeq + 1 - chunk.first);
  return { ...chunk, first: afterSeq + 1, records: records.length, body: JSON.stringify(records).slice(1, -1) };
}

function recordsOf(chunk: Chunk): JobRecord[] {
  return JSON.parse(`[${chunk.body}]`) as JobRecord[];
}

/** JSON text of each record. */
export function recordTexts(chunk: Chunk): string[] {
  return recordsOf(chunk).map((record) => JSON.stringify(record));
}

/** The logs of one host's jobs, in rows keyed (job, first seq). */
export class JobLog {
  readonly #storage: RelayPlatform["storage"];
  readonly #hostId: string;

  constructor(storage: RelayPlatform["storage"], hostId: string) {
    this.#storage = storage;
    this.#hostId = hostId;
  }

  append(chunk: Chunk, upto: number): void {
    this.#insert(chunk, upto, chunk.body);
  }

  #insert(chunk: Chunk, upto: number, body: string | ArrayBuffer): void {
    this.#storage.sql.exec(
      "INSERT INTO relay_log (host_id, job_id, first_seq, last_seq, records, upto, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
      this.#hostId,
      chunk.jobId,
      chunk.first,
      chunk.last,
      chunk.records,
      upto,
      body,
    );
  }

  /** Last seq kept and size of the log so far, 0 when there is none. */
  tail(jobId: string): { last: number; upto: number } {
    const [row] = this.#storage.sql
      .exec(
        "SELECT last_seq, upto FROM relay_log WHERE host_id = ? AND job_id = ? ORDER BY first_seq DESC LIMIT 1",
        this.#hostId,
        jobId,
      )
      .toArray();
    return row ? { last: row["last_seq"] as number, upto: row["upto"] as number } : { last: 0, upto: 0 };
  }

  /** The chunk that holds the seq after `afterSeq`, cut to begin there; the next one when that has left. */
  next(jobId: string, afterSeq: number): Chunk | null {
    const [row] = this.#storage.sql
      .exec(
        `SELECT first_seq, last_seq, records, body FROM relay_log
         WHERE host_id = ? AND job_id = ? AND last_seq > ? AND first_seq >= coalesce(
           (SELECT max(first_seq) FROM relay_log WHERE host_id = ? AND job_id = ? AND first_seq <= ?), 0)
         ORDER BY first_seq LIMIT 1`,
        this.#hostId,
        jobId,
        afterSeq,
        this.#hostId,
        jobId,
        afterSeq + 1,
      )
      .toArray();
    if (!row) return null;
    const chunk = chunkOfRow(jobId, row);
    if (chunk.first > afterSeq) return chunk;
    return isHole(chunk) ? this.next(jobId, chunk.last) : chunkAfter(chunk, afterSeq);
  }

  /** Up to `count` whole chunks behind `lastSeq`, the end of one: many at once cost a fraction of one by one. */
  following(jobId: string, lastSeq: number, count: number): Chunk[] {
    return this.#storage.sql
      .exec(
        `SELECT first_seq, last_seq, records, body FROM relay_log
         WHERE host_id = ? AND job_id = ? AND first_seq > ? ORDER BY first_seq LIMIT ?`,
        this.#hostId,
        jobId,
        lastSeq,
        count,
      )
      .toArray()
      .map((row) => chunkOfRow(jobId, row));
  }

  /** Stored size of an ended job's log. */
  storedSize(jobId: string): number {
    const [row] = this.#storage.sql
      .exec("SELECT sum(length(body)) AS size FROM relay_log WHERE host_id = ? AND job_id = ?", this.#hostId, jobId)
      .toArray();
    return (row?.["size"] as number | null) ?? 0;
  }

  /** Size of what is left of an open job's log, found at its two ends. */
  openSize(jobId: string): number {
    const [row] = this.#storage.sql
      .exec(
        "SELECT upto - length(body) AS before FROM relay_log WHERE host_id = ? AND job_id = ? ORDER BY first_seq LIMIT 1",
        this.#hostId,
        jobId,
      )
      .toArray();
    return row ? this.tail(jobId).upto - (row["before"] as number) : 0;
  }

  drop(jobId: string): void {
    this.#storage.sql.exec("DELETE FROM relay_log WHERE host_id = ? AND job_id = ?", this.#hostId, jobId);
  }

  /** Drops what lies before the last `keep` units of a job's log, whole rows only. */
  dropOldest(jobId: string, keep: number): void {
    this.#storage.sql.exec(
      "DELETE FROM relay_log WHERE host_id = ? AND job_id = ? AND upto < ?",
      this.#hostId,
      jobId,
      this.tail(jobId).upto - keep,
    );
  }

  /**
   * Puts the rows of an ended job together into compressed ones of at most 64 KiB (one record may be more). Each row is
   * one transaction: dying in between leaves a log that reads the same.
   */
  async compact(jobId: string): Promise<void> {
    let afterSeq = 0;
    for (;;) {
      const run = this.#plainRun(jobId, afterSeq);
      if (!run) return;
      afterSeq = run.chunk.last;
      const parts = await compress(run.chunk);
      this.#storage.transactionSync(() => {
        const { changes } = this.#deleteRun(jobId, run.chunk.first, run.chunk.last);
        // The log may have been dropped while it was compressed.
        if (changes === 0) return;
        for (const part of parts) this.#insert(part.chunk, run.upto, part.bytes);
      });
    }
  }

  #deleteRun(jobId: string, first: number, last: number): { changes: number } {
    const rows = this.#storage.sql
      .exec(
        `DELETE FROM relay_log WHERE host_id = ? AND job_id = ? AND first_seq BETWEEN ? AND ?
         RETURNING first_seq`,
        this.#hostId,
        jobId,
        first,
        last,
      )
      .toArray();
    return { changes: rows.length };
  }

  /** The next rows that are still plain text and follow each other, as one chunk. */
  #plainRun(jobId: string, afterSeq: number): { chunk: Chunk; upto: number } | null {
    const rows = this.#storage.sql
      .exec(
        `SELECT first_seq, last_seq, records, upto, body FROM relay_log
         WHERE host_id = ? AND job_id = ? AND first_seq > ? AND typeof(body) = 'text' AND records = last_seq - first_seq + 1
         ORDER BY first_seq LIMIT 256`,
        this.#hostId,
        jobId,
        afterSeq,
      )
      .toArray();
    const bodies: string[] = [];
    let size = 0;
    let run: { chunk: Chunk; upto: number } | null = null;
    for (const row of rows) {
      const body = row["body"] as string;
      const first = row["first_seq"] as number;
      if (run && (first !== run.chunk.last + 1 || size + body.length > COMPACT_UNITS)) break;
      run ??= { chunk: { jobId, first, last: 0, records: 0, body: "" }, upto: 0 };
      run.chunk.last = row["last_seq"] as number;
      run.chunk.records += row["records"] as number;
      run.upto = row["upto"] as number;
      bodies.push(body);
      size += body.length;
    }
    if (run) run.chunk.body = bodies.join(",");
    return run;
  }
}

/** Compressed rows of a chunk, halved until each fits. */
async function compress(chunk: Chunk): Promise<{ chunk: Chunk; bytes: ArrayBuffer }[]> {
  const bytes = await deflate(chunk.body);
  if (bytes.byteLength <= CHUNK_BYTES || chunk.records === 1) return [{ chunk, bytes }];
  const records = recordsOf(chunk);
  const half = Math.floor(records.length / 2);
  const part = (from: number, to: number): Chunk => ({
    jobId: chunk.jobId,
    first: chunk.first + from,
    last: chunk.first + to - 1,
    records: to - from,
    body: JSON.stringify(records.slice(from, to)).slice(1, -1),
  });
  return [...(await compress(part(0, half))), ...(await compress(part(half, records.length)))];
}

function deflate(text: string): Promise<ArrayBuffer> {
  return new Promise((resolve, reject) => {
    deflateRaw(text, (error, bytes) => {
      if (error) reject(error);
      else resolve(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer);
    });
  });
}

function inflate(bytes: ArrayBuffer): string {
  return new TextDecoder().decode(inflateRawSync(bytes));
}
