import { fail } from "../../protocol/failure.ts";
import { MAX_JOBS_IN_HELLO } from "../../protocol/limits.ts";
import type { JobRecord, JobSpec, Progress, ServerMessage } from "../../protocol/wire.ts";
import type { AgentLog } from "../log.ts";
import type { Journal, JournalEntry, JournalJob } from "./journal.ts";
import { killOrphans } from "./orphans.ts";
import { startable, waitingTwin, type QueuedWork } from "./queue.ts";
import { runJob } from "./run.ts";
import { failedWith, ResticSession, type JobHost, type SessionJob, type Verdict } from "./session.ts";

type StartMessage = Extract<ServerMessage, { type: "job.start" }>;

export interface JobsOptions {
  journal: Journal;
  host: JobHost;
  log: AgentLog;
  /** Best effort: the last value is all that counts. */
  onProgress(jobId: string, progress: Progress): void;
}

/** Why a running job was told to stop. */
type StopReason = "cancelled" | "interrupted";

/**
 * The jobs of this host: takes orders, runs what may run, and writes each job's one ordered stream. Nothing here knows
 * of the connection; a dropped socket changes nothing.
 */
export class Jobs {
  readonly #journal: Journal;
  readonly #host: JobHost;
  readonly #log: AgentLog;
  readonly #onProgress: JobsOptions["onProgress"];
  readonly #running = new Map<string, { stop: AbortController; reason: StopReason | null; ended: Promise<void> }>();
  /** True until the past is settled and from the order to stop on: queued jobs wait. */
  #held = true;

  constructor(options: JobsOptions) {
    this.#journal = options.journal;
    this.#host = options.host;
    this.#log = options.log;
    this.#onProgress = options.onProgress;
  }

  /** Settles what a former run left in mid-job, then lets queued jobs start. Never spawns such a job again. */
  async recover(): Promise<void> {
    for (const job of this.#journal.jobs()) if (job.entry.state === "running") await this.#settle(job);
    this.#held = false;
    this.#startNext();
  }

  /** An order of the server; a repeat is dropped. `serverNowMs` is now by the clock that set `notAfterMs`. */
  start(message: StartMessage, serverNowMs: number): void {
    const { jobId, spec } = message;
    if (this.#journal.knows(jobId)) return;
    const jobs = this.#journal.jobs();
    // Every unacknowledged job must fit into the hello; the server asks again later.
    if (jobs.length >= MAX_JOBS_IN_HELLO) return;
    const twin = waitingTwin(jobs.map(toWork), spec);
    if (serverNowMs > message.notAfterMs) {
      this.#refuse(jobId, spec, failedWith("job.expired", "The job reached this host too late. Run it again.", true));
    } else if (twin !== null) {
      const why = "A backup of the same schedule is waiting already. Wait for it, or cancel it.";
      this.#refuse(jobId, spec, failedWith("job.conflict", why, true));
    } else {
      this.#accept(jobId, spec, "queued", () => {});
      this.#log.info(`job ${jobId}: ${spec.kind} accepted`);
      this.#startNext();
    }
  }

  /** Repeats change nothing. */
  cancel(jobId: string): void {
    const job = this.#journal.get(jobId);
    if (!job) {
      // Cancelled before it was asked for: a late start meets this entry, later its tombstone.
      if (!this.#journal.knows(jobId)) this.#refuse(jobId, null, cancelledVerdict());
    } else if (job.entry.state === "queued") {
      this.#finish(job, cancelledVerdict());
    } else {
      this.#stopRunning(jobId, "cancelled");
    }
  }

  /** Ends what runs, cleanly, as interrupted; queued jobs stay for the next start. */
  async stop(): Promise<void> {
    this.#held = true;
    const running = [...this.#running];
    for (const [jobId] of running) this.#stopRunning(jobId, "interrupted");
    await Promise.all(running.map(([, { ended }]) => ended));
    this.#journal.flush();
  }

  #stopRunning(jobId: string, reason: StopReason): void {
    const running = this.#running.get(jobId);
    if (!running || running.reason !== null) return;
    running.reason = reason;
    running.stop.abort();
  }

  #startNext(): void {
    if (this.#held) return;
    for (const jobId of startable(this.#journal.jobs().map(toWork))) {
      const job = this.#journal.get(jobId)!;
      // Kept before it is spawned: a job is never run twice.
      job.spool.add({ type: "started", atMs: this.#host.nowMs() });
      this.#journal.update(job, { state: "running" });
      const stop = new AbortController();
      const running = { stop, reason: null, ended: Promise.resolve() };
      this.#running.set(jobId, running);
      running.ended = this.#run(job, stop.signal);
    }
  }

  async #run(job: JournalJob, stop: AbortSignal): Promise<void> {
    const { jobId, spec } = job.entry;
    let verdict: Verdict | null;
    try {
      verdict = await runJob(spec!, this.#sessionJob(job, spec!, stop), this.#host);
    } catch (error) {
      this.#log.warn(`job ${jobId}: ${error instanceof Error ? error.stack : String(error)}`);
      verdict = failedWith("restic.failed", "The agent failed while it ran this job. Its own log says why.", true);
    }
    const reason = this.#running.get(jobId)?.reason;
    this.#running.delete(jobId);
    this.#finish(
      job,
      verdict ?? (reason === "cancelled" ? cancelledVerdict() : interruptedVerdict("The agent was stopped.")),
    );
    this.#startNext();
  }

  #sessionJob(job: JournalJob, spec: JobSpec, stop: AbortSignal): SessionJob {
    return {
      jobId: job.entry.jobId,
      repositoryId: spec.repositoryId,
      record: (record) => job.spool.add(record),
      recordAll: (records) => job.spool.addAll(records),
      progress: (progress) => this.#onProgress(job.entry.jobId, progress),
      keepChild: (child) => this.#journal.update(job, { child }),
      stop,
    };
  }

  #accept(
    jobId: string,
    spec: JobSpec | null,
    state: JournalEntry["state"],
    more: (add: (record: JobRecord) => void) => void,
  ): JournalJob {
    const atMs = this.#host.nowMs();
    return this.#journal.accept({ jobId, acceptedAtMs: atMs, state, spec, child: null }, (spool) => {
      if (spec) {
        const { kind, repositoryId } = spec;
        const scheduleId = spec.kind === "backup" ? { scheduleId: spec.scheduleId } : {};
        spool.add({ type: "accepted", atMs, kind, source: "asked", repositoryId, ...scheduleId });
      }
      more((record) => spool.add(record));
    });
  }

  /** A job that ends before it begins. */
  #refuse(jobId: string, spec: JobSpec | null, verdict: Verdict): void {
    this.#accept(jobId, spec, "finished", (add) => add({ type: "finished", atMs: this.#host.nowMs(), ...verdict }));
    this.#log.info(`job ${jobId}: ${verdict.failure?.code ?? verdict.outcome} before it began`);
  }

  #finish(job: JournalJob, verdict: Verdict): void {
    job.spool.add({ type: "finished", atMs: this.#host.nowMs(), ...verdict });
    this.#journal.update(job, { state: "finished", child: null });
    this.#log.info(`job ${job.entry.jobId}: ${verdict.failure?.code ?? verdict.outcome}`);
  }

  async #settle(job: JournalJob): Promise<void> {
    const { jobId, child, spec } = job.entry;
    const dead = await killOrphans(jobId, child, this.#host.platform);
    this.#log.info(`job ${jobId}: was interrupted by the end of a former agent`);
    const say = (text: string, level?: "warning") =>
      job.spool.add({ type: "logged", atMs: this.#host.nowMs(), stream: "agent", ...(level ? { level } : {}), text });
    say("The agent stopped in the middle of this job and has started again");
    if (!dead) say("A restic of this job does not end; restart the host before you rely on its repository", "warning");
    if (spec) await this.#unlockAfter(job, spec);
    this.#finish(job, interruptedVerdict("The agent was ended in the middle of the job."));
  }

  async #unlockAfter(job: JournalJob, spec: JobSpec): Promise<void> {
    const sessionJob = this.#sessionJob(job, spec, AbortSignal.any([]));
    const session = await ResticSession.open(sessionJob, this.#host, { reach: true });
    if (session.ok) await session.value.unlock();
  }
}

function toWork(job: JournalJob): QueuedWork {
  return job.entry;
}
function cancelledVerdict(): Verdict {
  return { outcome: "cancelled" };
}
function interruptedVerdict(detail: string): Verdict {
  const message = "The job was interrupted and is not run again by itself. Run it again.";
  return { outcome: "failed", failure: fail("job.interrupted", message, { retry: true, detail }).failure };
}
