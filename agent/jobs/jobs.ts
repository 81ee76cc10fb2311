import { fail } from "../../protocol/failure.ts";
import { scheduleOf, type JobRecord, type JobSpec, type Progress, type ServerMessage } from "../../protocol/wire.ts";
import type { AgentLog } from "../log.ts";
import type { HostRules } from "../policy/host-rules.ts";
import type { Fire } from "../schedule/scheduler.ts";
import type { Journal, JournalEntry, JournalJob } from "./journal.ts";
import { killOrphans } from "./orphans.ts";
import { startable, waitingTwin, type QueuedWork } from "./queue.ts";
import { runJob } from "./run.ts";
import { failedVerdict, failedWith, ResticSession, type JobHost, type SessionJob, type Verdict } from "./session.ts";
import { runPostHook, runWithHooks, type HookedBackup, type StopReason } from "./with-hooks.ts";

/** Jobs that wait for the server to take them over; past it, fires wait too. Years of daily backups, a month of busy ones. */
const MAX_JOBS = 20_000;

type StartMessage = Extract<ServerMessage, { type: "job.start" }>;

export interface JobsOptions {
  journal: Journal;
  host: JobHost;
  /** Asked of every job before it runs. */
  rules: HostRules;
  hooksFolder: string;
  log: AgentLog;
  /** Whether records can leave now. */
  isLinked(): boolean;
  /** Best effort: the last value is all that counts. */
  onProgress(jobId: string, progress: Progress): void;
}

/** A job under way; `reason` is why it was told to stop. */
interface Running {
  stop: AbortController;
  reason: StopReason | null;
  ended: Promise<void>;
}

type Accepted = Extract<JobRecord, { type: "accepted" }>;

/**
 * The jobs of this host: takes orders and fires, runs what may run, and writes each job's one ordered stream. Nothing
 * here knows of the connection; a dropped socket changes nothing.
 */
export class Jobs {
  readonly #journal: Journal;
  readonly #host: JobHost;
  readonly #rules: HostRules;
  readonly #hooksFolder: string;
  readonly #log: AgentLog;
  readonly #isLinked: JobsOptions["isLinked"];
  readonly #onProgress: JobsOptions["onProgress"];
  readonly #running = new Map<string, Running>();
  /** True until the past is known and from the order to stop on: queued jobs wait. */
  #held = true;

  constructor(options: JobsOptions) {
    this.#journal = options.journal;
    this.#host = options.host;
    this.#rules = options.rules;
    this.#hooksFolder = options.hooksFolder;
    this.#log = options.log;
    this.#isLinked = options.isLinked;
    this.#onProgress = options.onProgress;
  }

  /**
   * Settles what a former run left in mid-job, and lets queued jobs start on the repositories that are free of it. Never
   * spawns such a job again; only its post hook runs, for what the pre hook stopped must start. A cancel ends that.
   */
  async recover(): Promise<void> {
    const left = this.#journal.unfinished().filter((job) => job.entry.state === "running");
    const settled = left.map((job) => {
      const { jobId } = job.entry;
      const running: Running = { stop: new AbortController(), reason: null, ended: Promise.resolve() };
      this.#running.set(jobId, running);
      running.ended = this.#settle(job, running.stop.signal).finally(() => {
        this.#running.delete(jobId);
        this.#startNext();
      });
      return running.ended;
    });
    this.#held = false;
    this.#startNext();
    await Promise.all(settled);
  }

  /** An order of the server; a repeat is dropped. `serverNowMs` is now by the clock that set `notAfterMs`. */
  start(message: StartMessage, serverNowMs: number): void {
    const { jobId, spec } = message;
    if (this.#journal.knows(jobId)) return;
    // Every job the server knows must fit into the hello; it asks again later.
    if (!this.#journal.hasRoomForAsked) return;
    const twin = waitingTwin(this.#work(), spec);
    if (serverNowMs > message.notAfterMs) {
      this.#refuse(jobId, spec, failedWith("job.expired", "The job reached this host too late. Run it again.", true));
    } else if (twin !== null) {
      const why = `A ${spec.kind} of the same schedule is waiting already. Wait for it, or cancel it.`;
      this.#refuse(jobId, spec, failedWith("job.conflict", why, true));
    } else {
      const entry = { jobId, spec, state: "queued", lent: message.lent ?? null, serverMayKnow: true } as const;
      this.#accept(entry, { source: "asked" }, () => {});
      this.#log.info(`job ${jobId}: ${spec.kind} accepted`);
      this.#startNext();
    }
  }

  /**
   * A schedule is due. The job is kept before this returns; a repeat is dropped, and one of a schedule that waits
   * already is covered by it. `later` when the server has to take over finished jobs first.
   */
  fire({ jobId, spec, nominalMs, scheduleVersion, missed }: Fire): "settled" | "later" {
    if (this.#journal.knows(jobId)) return "settled";
    const twin = waitingTwin(this.#work(), spec);
    if (twin !== null) {
      this.#log.info(`job ${twin} waits already, and covers the fire of ${new Date(nominalMs).toISOString()}`);
      return "settled";
    }
    if (this.#journal.size >= MAX_JOBS) return "later";
    const origin = { source: "schedule", nominalMs, scheduleVersion, ...(missed > 0 ? { missed } : {}) } as const;
    // Decided now, so that a live link costs no second write: see Journal.listNext for the others.
    const serverMayKnow = this.#isLinked() && this.#journal.hasRoomForFired;
    this.#accept({ jobId, spec, state: "queued", lent: null, serverMayKnow }, origin, () => {});
    this.#log.info(`job ${jobId}: ${spec.kind} of schedule ${scheduleOf(spec)} fired`);
    this.#startNext();
    return "settled";
  }

  /** Repeats change nothing. */
  cancel(jobId: string): void {
    const job = this.#journal.get(jobId);
    if (!job) {
      // Cancelled before it was asked for: a late start meets this entry, later its tombstone.
      if (!this.#journal.knows(jobId) && this.#journal.hasRoomForAsked) this.#refuse(jobId, null, cancelledVerdict());
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

  #work(): QueuedWork[] {
    return this.#journal.unfinished().map(({ entry }) => entry);
  }

  #stopRunning(jobId: string, reason: StopReason): void {
    const running = this.#running.get(jobId);
    if (!running || running.reason !== null) return;
    running.reason = reason;
    running.stop.abort(reason);
  }

  #startNext(): void {
    if (this.#held) return;
    for (const jobId of startable(this.#work())) {
      const job = this.#journal.get(jobId)!;
      // Kept before it is spawned: a job is never run twice.
      job.spool.add({ type: "started", atMs: this.#host.nowMs() });
      this.#journal.update(job, { state: "running" });
      const stop = new AbortController();
      const running: Running = { stop, reason: null, ended: Promise.resolve() };
      this.#running.set(jobId, running);
      running.ended = this.#run(job, stop.signal);
    }
  }

  async #run(job: JournalJob, stop: AbortSignal): Promise<void> {
    const { jobId, spec } = job.entry;
    let verdict: Verdict | null;
    try {
      verdict = await this.#runAllowed(job, this.#sessionJob(job, spec!, stop));
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
      ...(job.entry.lent ? { lent: job.entry.lent } : {}),
      progress: (progress) => this.#onProgress(job.entry.jobId, progress),
      keepChild: (child) => this.#journal.update(job, { child }),
      stop,
    };
  }

  /** What the host's own policy allows of the job, with its hooks. */
  async #runAllowed(job: JournalJob, sessionJob: SessionJob): Promise<Verdict | null> {
    const allowed = await this.#rules.judgeJob(job.entry.spec!, job.entry.lent);
    if (!allowed.ok) {
      this.#say(job, allowed.failure.message, "error");
      return failedVerdict(allowed.failure);
    }
    const { spec, hooks, notes } = allowed.value;
    // Told to stop while a file system was waited for.
    if (sessionJob.stop.aborted) return null;
    for (const note of notes) this.#say(job, note, "warning");
    if (spec.kind !== "backup" || !hooks) return runJob(spec, sessionJob, this.#host);
    return runWithHooks({ spec, hooks, hooksFolder: this.#hooksFolder }, sessionJob, this.#host);
  }

  #accept(
    entry: Omit<JournalEntry, "acceptedAtMs" | "child">,
    origin: Pick<Accepted, "source" | "nominalMs" | "scheduleVersion" | "missed">,
    more: (add: (record: JobRecord) => void) => void,
  ): JournalJob {
    const atMs = this.#host.nowMs();
    return this.#journal.accept({ ...entry, acceptedAtMs: atMs, child: null }, (spool) => {
      const { spec } = entry;
      if (spec) {
        const { kind, repositoryId } = spec;
        const scheduleId = scheduleOf(spec);
        const belongs = { repositoryId, ...(scheduleId === null ? {} : { scheduleId }) };
        spool.add({ type: "accepted", atMs, kind, ...belongs, ...origin });
      }
      more((record) => spool.add(record));
    });
  }

  /** A job that ends before it begins. */
  #refuse(jobId: string, spec: JobSpec | null, verdict: Verdict): void {
    this.#accept({ jobId, spec, state: "finished", lent: null, serverMayKnow: true }, { source: "asked" }, (add) =>
      add({ type: "finished", atMs: this.#host.nowMs(), ...verdict }),
    );
    this.#log.info(`job ${jobId}: ${verdict.failure?.code ?? verdict.outcome} before it began`);
  }

  #finish(job: JournalJob, verdict: Verdict): void {
    job.spool.add({ type: "finished", atMs: this.#host.nowMs(), ...verdict });
    this.#journal.finish(job);
    this.#log.info(`job ${job.entry.jobId}: ${verdict.failure?.code ?? verdict.outcome}`);
  }

  #say(job: JournalJob, text: string, level?: "warning" | "error"): void {
    job.spool.add({ type: "logged", atMs: this.#host.nowMs(), stream: "agent", ...(level ? { level } : {}), text });
  }

  async #settle(job: JournalJob, stop: AbortSignal): Promise<void> {
    const { jobId } = job.entry;
    this.#log.info(`job ${jobId}: was interrupted by the end of a former agent`);
    this.#say(job, "The agent stopped in the middle of this job and has started again");
    try {
      await this.#clearAfter(job, stop);
    } catch (error) {
      // The verdict comes all the same: whatever is wrong with this job must not keep the next ones from running.
      this.#log.warn(`job ${jobId}: ${error instanceof Error ? error.stack : String(error)}`);
    }
    this.#finish(job, interruptedVerdict("The agent was ended in the middle of the job."));
  }

  async #clearAfter(job: JournalJob, stop: AbortSignal): Promise<void> {
    const { jobId, child, spec } = job.entry;
    const dead = await killOrphans(jobId, child, this.#host.platform);
    if (!dead)
      this.#say(
        job,
        "A process of this job does not end; restart the host before you rely on its repository",
        "warning",
      );
    if (!spec) return;
    await this.#unlockAfter(job, spec);
    await this.#postHookAfter(job, spec, stop);
  }

  async #unlockAfter(job: JournalJob, spec: JobSpec): Promise<void> {
    const sessionJob = this.#sessionJob(job, spec, AbortSignal.any([]));
    const session = await ResticSession.open(sessionJob, this.#host, { reach: true });
    if (session.ok) await session.value.unlock();
  }

  async #postHookAfter(job: JournalJob, spec: JobSpec, stop: AbortSignal): Promise<void> {
    if (spec.kind !== "backup" || !spec.hooks) return;
    const hooks = this.#rules.judgeHooks(spec);
    if (!hooks.ok) return this.#say(job, `The post hook is not run. ${hooks.failure.message}`, "warning");
    const backup: HookedBackup = { spec, hooks: hooks.value!, hooksFolder: this.#hooksFolder };
    await runPostHook(backup, this.#sessionJob(job, spec, stop), this.#host, "failed");
  }
}

function cancelledVerdict(): Verdict {
  return { outcome: "cancelled" };
}
function interruptedVerdict(detail: string): Verdict {
  const message = "The job was interrupted and is not run again by itself. Run it again.";
  return { outcome: "failed", failure: fail("job.interrupted", message, { retry: true, detail }).failure };
}
