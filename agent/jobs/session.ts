import { fail, ok, type Failure, type FailureCode, type Result } from "../../protocol/failure.ts";
import { OPEN_ENV } from "../../protocol/repository.ts";
import type { HostPolicy } from "../../protocol/schedule.ts";
import type { JobPhase, JobRecord, Progress, WireRepository } from "../../protocol/wire.ts";
import type { Platform } from "../platform/platform.ts";
import { runRestic, type ResticExit, type ResticListener } from "../restic/child.ts";
import { clipLine, clipText } from "../restic/clean-text.ts";
import { parseComplaint, type Complaint } from "../restic/complaints.ts";
import { plainEnvironment, repositoryEnvironment } from "../restic/environment.ts";
import { classify } from "../restic/failures.ts";
import type { Restic, ResticFinder } from "../restic/find.ts";
import { reachRepository } from "../restic/reach.ts";
import { makeRedactor, type Redact } from "../restic/redact.ts";
import { unlockArgv } from "../restic/unlock.ts";
import { formatVersion } from "../restic/version.ts";
import type { Vault } from "../vault/vault.ts";
import type { JournalEntry } from "./journal.ts";
import type { StoryTeller } from "./backup-story.ts";

/** What a job ends with. */
export type Verdict = Omit<Extract<JobRecord, { type: "finished" }>, "type" | "atMs">;

/** What jobs need of the host they run on. */
export interface JobHost {
  finder: ResticFinder;
  vault: Vault;
  platform: Platform;
  hostname: string;
  /** The agent's own environment, of which children get a closed list. */
  ownEnv: NodeJS.ProcessEnv;
  cacheDirectory: string;
  /** For files that live as long as a job. */
  runDirectory: string;
  /** Secrets of the agent itself. */
  ownSecrets: readonly string[];
  /** What this host allows, read afresh; fails with policy.unreadable. */
  policy(): Result<HostPolicy>;
  /** Keeps which part of each repository's data the last check read. */
  rotationFile: string;
  /** How long a job waits for a lock that another live restic holds, and how often it looks. */
  lockWaitMs?: number;
  lockPollMs?: number;
  nowMs(): number;
}

/** The job as a session sees it. */
export interface SessionJob {
  jobId: string;
  repositoryId: string;
  /** A credential for this job alone, sealed to the host with lentContext. */
  lent?: WireRepository | undefined;
  record(record: JobRecord): void;
  /** Many records at once: they are kept together. */
  recordAll(records: readonly JobRecord[]): void;
  progress(progress: Progress): void;
  keepChild(child: JournalEntry["child"]): void;
  stop: AbortSignal;
}

/** Unlocking must not hold up a cancelled job: restic may wait for its server for many minutes. */
const UNLOCK_WITHIN_MS = 60_000;
const MAX_WORDS = 200;

export interface ResticRun {
  exit: ResticExit;
  failure: Failure | null;
  lastError: string | null;
}

/**
 * One job's dealings with restic: finds it, opens the vault, gives each child its environment, and lets every text
 * through the redactor before it is kept or sent.
 */
export class ResticSession implements StoryTeller {
  readonly #job: SessionJob;
  readonly #host: JobHost;
  readonly #restic: Restic;
  readonly #env: Readonly<Record<string, string>>;
  readonly #redact: Redact;
  readonly #troubledItems = new Set<string>();
  #warnings = 0;
  #lastWarning: string | null = null;

  private constructor(
    job: SessionJob,
    host: JobHost,
    access: { restic: Restic; env: Readonly<Record<string, string>>; redact: Redact },
  ) {
    this.#job = job;
    this.#host = host;
    this.#restic = access.restic;
    this.#env = access.env;
    this.#redact = access.redact;
  }

  /** Fails with what an operator can mend: no restic, no credentials, a bad address, a server that is not there. */
  static async open(job: SessionJob, host: JobHost, options: { reach: boolean }): Promise<Result<ResticSession>> {
    const restic = await host.finder.find();
    if (!restic.ok) return restic;
    const access = host.vault.access(job.repositoryId);
    if (!access.ok) return access;
    const repository = repositoryEnvironment(access.value, restic.value.version);
    if (!repository.ok) return repository;
    const redact = makeRedactor([access.value.password, ...secretValues(access.value.env), ...host.ownSecrets]);
    const env = {
      ...plainEnvironment(host.ownEnv, host.cacheDirectory),
      ...repository.value,
      RM_JOB_ID: job.jobId,
    };
    const session = new ResticSession(job, host, { restic: restic.value, env, redact });
    if (!options.reach) return ok(session);
    const reached = await reachRepository(access.value.address, host.ownEnv);
    return reached.ok ? ok(session) : { ok: false, failure: session.#clean(reached.failure) };
  }

  get resticVersion(): string {
    return formatVersion(this.#restic.version);
  }
  get warnings(): number {
    return this.#warnings;
  }
  get lastWarning(): string | null {
    return this.#lastWarning;
  }

  nowMs(): number {
    return this.#host.nowMs();
  }
  phase(phase: JobPhase): void {
    this.#job.record({ type: "phased", atMs: this.nowMs(), phase });
  }
  say(stream: "restic" | "agent", text: string, level?: "warning" | "error"): void {
    const line = clipLine(this.#redact(text));
    this.#job.record({ type: "logged", atMs: this.nowMs(), stream, ...(level ? { level } : {}), text: line });
  }
  progress(progress: Progress): void {
    const { currentFiles } = progress;
    this.#job.progress(currentFiles ? { ...progress, currentFiles: currentFiles.map(this.#redact) } : progress);
  }
  /** For what restic says of its repository: those strings come from there or from the job, never from a secret. */
  record(record: Extract<JobRecord, { type: "snapshot" | "listed" }>): void {
    this.#job.record(record);
  }

  /** One restic command. `hold` keeps its complaints back until it answers false; they are told at the end at the latest. */
  async run(
    argv: readonly string[],
    listener: Pick<ResticListener, "onStdout" | "document"> & { limitMs?: number; hold?(): boolean } = {},
  ): Promise<ResticRun & { held: Complaint[] }> {
    this.say("agent", `$ restic ${argv.map(quote).join(" ")}`);
    const words: string[] = [];
    let lastWords: string[] | null = null;
    let held: Complaint[] = [];
    const release = () => {
      for (const complaint of held) this.#tell(complaint);
      held = [];
    };
    const onStderr = (line: string) => {
      const complaint = parseComplaint(line);
      if (!complaint) return;
      if (complaint.kind === "exit") lastWords = complaint.lines;
      if (complaint.kind === "text") keepLast(words, complaint.text);
      held.push(complaint);
      if (!listener.hold?.()) release();
    };
    const { limitMs } = listener;
    const stop =
      limitMs === undefined ? this.#job.stop : AbortSignal.any([this.#job.stop, AbortSignal.timeout(limitMs)]);
    const exit = await this.#spawn(argv, { ...listener, onStderr }, stop);
    const end = classify({ code: exit.code, signal: exit.signal, words: lastWords ?? words });
    if (!listener.hold?.()) release();
    return {
      exit,
      failure: end ? this.#clean(end.failure) : null,
      lastError: end?.line ? clipText(this.#redact(end.line)) : null,
      held,
    };
  }

  /** Tells what `run` held back. */
  tell(complaints: readonly Complaint[]): void {
    for (const complaint of complaints) this.#tell(complaint);
  }

  /** Removes the lock a killed restic left. */
  async unlock(): Promise<void> {
    this.say("agent", `$ restic ${unlockArgv.join(" ")}`);
    const exit = await this.#spawn(unlockArgv, {}, AbortSignal.timeout(UNLOCK_WITHIN_MS));
    if (exit.code === 0) this.say("agent", "Stale locks are removed");
    else this.say("agent", "The repository could not be unlocked; a stale lock may be left", "warning");
  }

  async #spawn(argv: readonly string[], listener: ResticListener, stop: AbortSignal): Promise<ResticExit> {
    const { platform } = this.#host;
    const command = { file: this.#restic.file, argv, env: this.#env };
    const onSpawned = (pid: number) => this.#job.keepChild(platform.markProcess(pid));
    return runRestic(command, { ...listener, onSpawned }, platform, stop);
  }

  #tell(complaint: Complaint): void {
    switch (complaint.kind) {
      case "item": {
        // The same path can fail in the scan and again when it is read.
        if (this.#troubledItems.has(complaint.item)) return;
        if (this.#troubledItems.size < 10_000) this.#troubledItems.add(complaint.item);
        else if (complaint.during === "scan") return;
        this.#warn(complaint.text);
        return;
      }
      case "exit":
        // With exit 3 this only says that there were warnings.
        for (const line of complaint.lines.slice(0, 1))
          this.say("restic", line, line.startsWith("Warning: ") ? "warning" : "error");
        return;
      case "text":
        if (complaint.skippedPath) this.#warn(complaint.text);
        else this.say("restic", complaint.text, complaint.level ?? undefined);
        return;
    }
  }

  #warn(text: string): void {
    this.#warnings += 1;
    this.#lastWarning = clipText(this.#redact(text));
    this.say("restic", text, "warning");
  }

  #clean(failure: Failure): Failure {
    const { detail } = failure;
    return {
      ...failure,
      message: clipText(this.#redact(failure.message)),
      ...(detail === undefined ? {} : { detail: clipText(this.#redact(detail)) }),
    };
  }
}

/** A verdict for what could not even begin. */
export function failedVerdict(failure: Failure): Verdict {
  return { outcome: "failed", failure };
}
export function failedWith(code: FailureCode, message: string, retry = false): Verdict {
  return failedVerdict(fail(code, message, { retry }).failure);
}

function keepLast(words: string[], text: string): void {
  words.push(text);
  if (words.length > MAX_WORDS) words.shift();
}

/** An argument as a person could type it. */
function quote(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", String.raw`'\''`)}'`;
}

/** What of a repository's environment no log may show. */
function secretValues(env: Readonly<Record<string, string>>): string[] {
  return Object.entries(env).flatMap(([key, value]) => (OPEN_ENV.has(key) ? [] : [value]));
}
