import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { MAX_JOBS_IN_HELLO, SUMMARY_KEEP_MS } from "../../protocol/limits.ts";
import { timeMs, uuid } from "../../protocol/scalars.ts";
import { jobSpecSchema, wireRepositorySchema, type HelloJob } from "../../protocol/wire.ts";
import { isSystemError, makePrivateDirectory, syncDirectory, writeFileAtomically } from "../disk/atomic-file.ts";
import type { SpoolBudget } from "../link/spool/budget.ts";
import { realDisk } from "../link/spool/disk.ts";
import { JobSpool, type SpoolOptions } from "../link/spool/job-spool.ts";

const processMark = v.object({ pid: v.number(), startTicks: v.string(), bootId: v.string() });

/** Of the jobs a hello lists, those the host fired are so many at most: the rest is room for what the server asks. */
const FIRED_IN_HELLO = MAX_JOBS_IN_HELLO - 100;

/** What job.json keeps of a job. One that was cancelled before it was asked for has no spec, nor has a finished one. */
const entrySchema = v.object({
  jobId: uuid,
  acceptedAtMs: timeMs,
  state: v.picklist(["queued", "running", "finished"]),
  spec: v.nullable(jobSpecSchema),
  /** The process group restic or a hook runs in; null before it is spawned. */
  child: v.nullable(processMark),
  /** A credential for this job alone, sealed; it leaves with the verdict. */
  lent: v.optional(v.nullable(wireRepositorySchema), null),
  /** It asked for the job, or a record of it may have left: then every hello lists the job. */
  serverMayKnow: v.optional(v.boolean(), true),
});
export type JournalEntry = v.InferOutput<typeof entrySchema>;

/** A job on this host, from its acceptance to the acknowledgement of its verdict. */
export interface JournalJob {
  entry: JournalEntry;
  readonly spool: JobSpool;
}

export interface JournalOptions {
  /** Folder of the jobs: `<jobId>/job.json` and the spool beside it. */
  directory: string;
  budget: SpoolBudget;
  nowMs(): number;
  after: SpoolOptions["after"];
  /** A job has new records to send. */
  onKept(jobId: string): void;
  onTrouble(why: string | null): void;
}

/**
 * The agent's memory of its jobs. A job exists once its job.json does; a finished and acknowledged one leaves its id
 * behind for 30 days, so that a repeated start is known (PROTOCOL sections 4 and 6). A disk that refuses costs what a
 * crash would lose, not the job.
 */
export class Journal {
  readonly #options: JournalOptions;
  /** In the order of acceptance, as all that follow. */
  readonly #jobs = new Map<string, JournalJob>();
  readonly #unfinished = new Map<string, JournalJob>();
  readonly #listed = new Map<string, JournalJob>();
  readonly #unlisted = new Map<string, JournalJob>();
  readonly #tombstones = new Map<string, number>();

  private constructor(options: JournalOptions) {
    this.#options = options;
  }

  /** Reads what a former run left. */
  static open(options: JournalOptions): Journal {
    makePrivateDirectory(options.directory);
    const journal = new Journal(options);
    journal.#loadTombstones();
    const names = readdirSync(options.directory).filter((name) => v.is(uuid, name));
    const entries = names.flatMap((name) => journal.#loadEntry(name) ?? []);
    for (const entry of entries.sort((a, b) => a.acceptedAtMs - b.acceptedAtMs)) journal.#loadJob(entry);
    return journal;
  }

  /** All jobs that are not fully acknowledged, in the order they were accepted. */
  jobs(): JournalJob[] {
    return [...this.#jobs.values()];
  }
  get size(): number {
    return this.#jobs.size;
  }
  /** Those that wait or run. */
  unfinished(): JournalJob[] {
    return [...this.#unfinished.values()];
  }
  /** Those the server may know of: what a hello lists, and all of which records may leave. */
  listed(): JournalJob[] {
    return [...this.#listed.values()];
  }
  get(jobId: string): JournalJob | undefined {
    return this.#jobs.get(jobId);
  }
  /** Whether the job is or was here: a start of it is a repeat. */
  knows(jobId: string): boolean {
    return this.#jobs.has(jobId) || this.#tombstones.has(jobId);
  }

  /** A new job with its first records; it is kept before this returns. */
  accept(entry: JournalEntry, fill: (spool: JobSpool) => void): JournalJob {
    const job = { entry, spool: JobSpool.create(this.#spoolOptions(entry.jobId)) };
    this.#place(job);
    fill(job.spool);
    this.#attempt(() => {
      this.#write(entry);
      syncDirectory(this.#options.directory);
    });
    if (entry.state === "finished") job.spool.close();
    return job;
  }

  /** Marks a job whose verdict is in its stream; what was lent to it is erased, and what it was to do needs no room. */
  finish(job: JournalJob): void {
    this.update(job, { state: "finished", child: null, lent: null, spec: null });
    job.spool.close();
  }

  /** Changes and keeps the entry of a job. */
  update(job: JournalJob, change: Partial<JournalEntry>): void {
    job.entry = { ...job.entry, ...change };
    this.#place(job);
    this.#attempt(() => this.#write(job.entry));
  }

  /** The server has all records up to `seq`; a finished job that is fully acknowledged leaves. */
  acknowledge(jobId: string, seq: number): void {
    const job = this.#jobs.get(jobId);
    if (!job) return;
    job.spool.acknowledge(seq);
    if (job.entry.state === "finished" && job.spool.ended && job.spool.acked >= job.spool.tail) this.#forget(job);
  }

  /** Whether one more job that the server asks for fits into a hello. */
  get hasRoomForAsked(): boolean {
    return this.#listed.size < MAX_JOBS_IN_HELLO;
  }
  /** Whether one more job of the host's own may be listed. */
  get hasRoomForFired(): boolean {
    return this.#listed.size < FIRED_IN_HELLO;
  }

  /**
   * Lets the oldest job of which the server cannot know be listed from now on, so that its records may leave. False
   * when there is none, or no room.
   */
  listNext(): boolean {
    const [oldest] = this.#unlisted.values();
    if (!oldest || !this.hasRoomForFired) return false;
    this.update(oldest, { serverMayKnow: true });
    return true;
  }

  /** Whether the server has all there is. */
  get isDrained(): boolean {
    return this.#unlisted.size === 0 && this.listed().every(({ spool }) => spool.acked >= spool.tail);
  }

  /** Every job that the server may know of (PROTOCOL section 4.4 makes it settle the others it knows). */
  hello(): HelloJob[] {
    return this.listed().map(({ entry, spool }) => ({
      jobId: entry.jobId,
      state: entry.state,
      tail: spool.tail,
      floor: spool.floor,
    }));
  }

  /** Keeps what waits in memory. */
  flush(): void {
    for (const job of this.#jobs.values()) job.spool.flush();
  }

  #spoolOptions(jobId: string): SpoolOptions {
    return {
      directory: join(this.#options.directory, jobId),
      disk: realDisk,
      budget: this.#options.budget,
      nowMs: this.#options.nowMs,
      after: this.#options.after,
      onKept: () => this.#options.onKept(jobId),
      onTrouble: this.#options.onTrouble,
    };
  }

  #write(entry: JournalEntry): void {
    makePrivateDirectory(join(this.#options.directory, entry.jobId));
    writeFileAtomically(join(this.#options.directory, entry.jobId, "job.json"), JSON.stringify(entry));
  }

  #place(job: JournalJob): void {
    const { jobId, state, serverMayKnow } = job.entry;
    this.#jobs.set(jobId, job);
    if (state === "finished") this.#unfinished.delete(jobId);
    else this.#unfinished.set(jobId, job);
    if (serverMayKnow) this.#unlisted.delete(jobId);
    (serverMayKnow ? this.#listed : this.#unlisted).set(jobId, job);
  }

  #loadEntry(jobId: string): JournalEntry | null {
    const directory = join(this.#options.directory, jobId);
    const path = join(directory, "job.json");
    // A folder without an entry died before the job was accepted, one with a tombstone while it left.
    if (!existsSync(path) || this.#tombstones.has(jobId)) {
      rmSync(directory, { recursive: true, force: true });
      return null;
    }
    const entry = readEntry(path);
    // Its records may be the only ones there are.
    if (!entry)
      this.#options.onTrouble(`${path} cannot be read. The job is left out; its records stay where they are.`);
    return entry;
  }

  #loadJob(entry: JournalEntry): void {
    let spool: JobSpool;
    try {
      spool = JobSpool.open(this.#spoolOptions(entry.jobId));
    } catch (error) {
      if (!isSystemError(error)) throw error;
      this.#options.onTrouble(`${error.message}. Job ${entry.jobId} is left out; its records stay where they are.`);
      return;
    }
    const job: JournalJob = { entry, spool };
    this.#place(job);
    if (spool.ended && entry.state !== "finished") this.finish(job);
    // Its verdict was in memory when the agent died, for the disk had refused it: the next start settles it.
    if (!spool.ended && entry.state === "finished") this.update(job, { state: "running" });
  }

  #forget(job: JournalJob): void {
    const { jobId } = job.entry;
    const atMs = this.#options.nowMs();
    this.#tombstones.set(jobId, atMs);
    for (const [oldest, sinceMs] of this.#tombstones) {
      if (atMs - sinceMs <= SUMMARY_KEEP_MS) break;
      this.#tombstones.delete(oldest);
    }
    // The id is kept before the job leaves: at no moment is a job that ran unknown.
    const kept = this.#attempt(() => this.#appendTombstone(jobId, atMs));
    for (const index of [this.#jobs, this.#unfinished, this.#listed, this.#unlisted]) index.delete(jobId);
    if (kept) job.spool.remove();
    else job.spool.close();
  }

  get #tombstoneFile(): string {
    return join(this.#options.directory, "finished");
  }

  #appendTombstone(jobId: string, atMs: number): void {
    writeFileSync(this.#tombstoneFile, `${jobId} ${atMs}\n`, { flag: "a", mode: 0o600, flush: true });
  }

  #loadTombstones(): void {
    if (!existsSync(this.#tombstoneFile)) return;
    const oldestMs = this.#options.nowMs() - SUMMARY_KEEP_MS;
    const lines = readFileSync(this.#tombstoneFile, "utf8").split("\n");
    for (const line of lines) {
      const [jobId, atMs] = line.split(" ");
      if (v.is(uuid, jobId) && Number(atMs) >= oldestMs) this.#tombstones.set(jobId, Number(atMs));
    }
    this.#attempt(() =>
      writeFileAtomically(this.#tombstoneFile, [...this.#tombstones].map(([id, atMs]) => `${id} ${atMs}\n`).join("")),
    );
  }

  #attempt(work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      if (!isSystemError(error)) throw error;
      this.#options.onTrouble(error.message);
      return false;
    }
  }
}

function readEntry(path: string): JournalEntry | null {
  try {
    const parsed = v.safeParse(entrySchema, JSON.parse(readFileSync(path, "utf8")));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}
