import { fail, ok, type Failure, type FailureCode, type Result } from "../../protocol/failure.ts";
import type { HostPolicy } from "../../protocol/schedule.ts";
import type { JobPhase, JobRecord, Progress, RepositoryLock, WireRepository } from "../../protocol/wire.ts";
import type { Platform } from "../platform/platform.ts";
import { shellWord } from "../../protocol/shell-word.ts";
import { runRestic, type ResticExit, type ResticListener } from "../restic/child.ts";
import { clipLine, clipText } from "../restic/clean-text.ts";
import { parseComplaint, type Complaint } from "../restic/complaints.ts";
import { plainEnvironment, repositoryEnvironment, type RepositoryAccess } from "../restic/environment.ts";
import { classify, isDeleteRefused, resticFailure } from "../restic/failures.ts";
import type { Restic, ResticFinder } from "../restic/find.ts";
import { catLockArgv, listLocksArgv, parseLock, parseLockIds } from "../restic/locks.ts";
import { reachRepository } from "../restic/reach.ts";
import { accessSecrets, makeRedactor, type Redact } from "../restic/redact.ts";
import { unlockArgv } from "../restic/unlock.ts";
import { formatVersion, type ResticVersion } from "../restic/version.ts";
import type { Vault } from "../vault/vault.ts";
import type { JournalEntry } from "./journal.ts";
import type { StoryTeller } from "./kinds/backup-story.ts";

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
  /** How long a job waits for a lock that another live restic holds, how often it looks, and when one is not refreshed. */
  lockWaitMs?: number;
  lockPollMs?: number;
  lockRefreshMs?: number;
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
const LOCKS_WITHIN_MS = 120_000;
const MAX_WORDS = 200;
/** A command is shown with so many arguments; a forget may name thousands of snapshots. */
const MAX_SHOWN_ARGUMENTS = 50;

export interface ResticRun {
  exit: ResticExit;
  failure: Failure | null;
  lastError: string | null;
  /** Complaints that were held back and not told. */
  held: Complaint[];
}

export interface RunListener extends Pick<ResticListener, "onStdout" | "document"> {
  /** Each plain complaint of restic, as it will be logged. */
  onComplaint?(text: string): void;
  /** Where restic keeps its cache, when not with that of the other jobs. */
  cacheDirectory?: string;
  /** Ends restic early; the job itself goes on. */
  until?: AbortSignal;
  /** Keeps complaints back until it answers false. */
  hold?(): boolean;
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
  readonly #access: RepositoryAccess;
  readonly #locks = new Map<string, RepositoryLock>();
  readonly #troubledItems = new Set<string>();
  #warnings = 0;
  #lastWarning: string | null = null;

  private constructor(
    job: SessionJob,
    host: JobHost,
    access: { restic: Restic; env: Readonly<Record<string, string>>; redact: Redact; repository: RepositoryAccess },
  ) {
    this.#job = job;
    this.#host = host;
    this.#restic = access.restic;
    this.#env = access.env;
    this.#redact = access.redact;
    this.#access = access.repository;
  }

  /** Fails with what an operator can mend: no restic, no credentials, a bad address, a server that is not there. */
  static async open(job: SessionJob, host: JobHost, options: { reach: boolean }): Promise<Result<ResticSession>> {
    const restic = await host.finder.find();
    if (!restic.ok) return restic;
    const access = job.lent ? host.vault.accessLent(job.lent, job) : host.vault.access(job.repositoryId);
    if (!access.ok) return access;
    const repository = repositoryEnvironment(access.value, restic.value.version);
    if (!repository.ok) return repository;
    const redact = makeRedactor([...accessSecrets(access.value), ...host.ownSecrets]);
    const env = {
      ...plainEnvironment(host.ownEnv, host.cacheDirectory),
      ...repository.value,
      RM_JOB_ID: job.jobId,
    };
    const session = new ResticSession(job, host, { restic: restic.value, env, redact, repository: access.value });
    if (!options.reach) return ok(session);
    const reached = await reachRepository(access.value.address, host.ownEnv);
    return reached.ok ? ok(session) : { ok: false, failure: session.#clean(reached.failure) };
  }

  get jobId(): string {
    return this.#job.jobId;
  }
  get version(): ResticVersion {
    return this.#restic.version;
  }
  get resticVersion(): string {
    return formatVersion(this.#restic.version);
  }
  /** What opened the repository; for asking its storage directly, never to be shown. */
  get access(): RepositoryAccess {
    return this.#access;
  }
  /** Whether the job was told to stop. */
  get stopped(): boolean {
    return this.#job.stop.aborted;
  }
  get stop(): AbortSignal {
    return this.#job.stop;
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
  record(records: readonly Extract<JobRecord, { type: "snapshot" | "listed" | "measured" }>[]): void {
    this.#job.recordAll(records);
  }

  /**
   * One restic command. What it held back is told at the end where `hold` answers false by then. A storage that refuses
   * to delete ends it at once: old versions would try for minutes, and some would call it success.
   */
  async run(argv: readonly string[], listener: RunListener = {}): Promise<ResticRun> {
    this.say("agent", `$ restic ${shown(argv)}`);
    const words: string[] = [];
    let lastWords: string[] | null = null;
    let held: Complaint[] = [];
    const refused = new AbortController();
    let refusedLine: string | null = null;
    const release = () => {
      for (const complaint of held) this.#tell(complaint);
      held = [];
    };
    const onStderr = (line: string) => {
      const complaint = parseComplaint(line);
      if (!complaint) return;
      if (complaint.kind === "exit") lastWords = complaint.lines;
      if (complaint.kind === "text") {
        keepLast(words, complaint.text);
        listener.onComplaint?.(complaint.text);
        if (isDeleteRefused(complaint.text)) {
          refusedLine ??= complaint.text;
          refused.abort();
        }
      }
      held.push(complaint);
      if (!listener.hold?.()) release();
    };
    const ends = [this.#job.stop, refused.signal, ...(listener.until ? [listener.until] : [])];
    const { cacheDirectory } = listener;
    const env = cacheDirectory === undefined ? {} : { RESTIC_CACHE_DIR: cacheDirectory };
    const exit = await this.#spawn(argv, { ...listener, onStderr }, AbortSignal.any(ends), env);
    if (!listener.hold?.()) release();
    // restic removes its own lock on SIGINT, but not when it had to be killed or the kernel did it for want of memory; a
    // stopped job is unlocked at its end.
    if (exit.signal === "SIGKILL" && !this.stopped) await this.unlock();
    const end = classify({ command: argv[0] ?? "", code: exit.code, signal: exit.signal, words: lastWords ?? words });
    if (refusedLine !== null) {
      const lastError = clipText(this.#redact(refusedLine));
      return { exit, failure: resticFailure("repository.append_only"), lastError, held };
    }
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

  /**
   * The first `most` locks of the repository, which takes none itself; null when they cannot be listed. Those that leave
   * meanwhile are left out.
   */
  async locks(most: number): Promise<RepositoryLock[] | null> {
    const list = await this.#ask(listLocksArgv);
    if (list === null) return null;
    const found: RepositoryLock[] = [];
    for (const id of parseLockIds(list).slice(0, most)) {
      const lock = this.#locks.get(id) ?? parseLock(id, (await this.#ask(catLockArgv(id))) ?? "");
      if (!lock) continue;
      this.#locks.set(id, lock);
      found.push(lock);
    }
    return found;
  }

  /** The output of a command that only reads and is not worth a line in the log; null when it failed. */
  async #ask(argv: readonly string[]): Promise<string | null> {
    const stop = AbortSignal.any([this.#job.stop, AbortSignal.timeout(LOCKS_WITHIN_MS)]);
    const exit = await this.#spawn(argv, { document: true }, stop);
    return exit.code === 0 ? exit.document : null;
  }

  async #spawn(
    argv: readonly string[],
    listener: ResticListener,
    stop: AbortSignal,
    env: Readonly<Record<string, string>> = {},
  ): Promise<ResticExit> {
    const { platform } = this.#host;
    const command = { file: this.#restic.file, argv, env: { ...this.#env, ...env } };
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

/** The verdict of a run that failed; `otherwise` is for one that did not by its own words, yet proved nothing. */
export function failedRun(run: ResticRun, otherwise: FailureCode): Verdict {
  const failure = run.failure ?? resticFailure(otherwise);
  return { ...failedVerdict(failure), ...(run.lastError === null ? {} : { lastError: run.lastError }) };
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

/** A command as a person could type it; a long one is cut short. */
function shown(argv: readonly string[]): string {
  const words = argv.slice(0, MAX_SHOWN_ARGUMENTS).map(shellWord).join(" ");
  const more = argv.length - MAX_SHOWN_ARGUMENTS;
  return more > 0 ? `${words} … (${more} more)` : words;
}
