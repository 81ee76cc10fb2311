import { rmSync } from "node:fs";
import { join } from "node:path";
import type { FailureCode } from "../../protocol/failure.ts";
import type { BackupSpec, JobSpec } from "../../protocol/wire.ts";
import { isSystemError, makePrivateDirectory, writeFileAtomically } from "../disk/atomic-file.ts";
import { formatCount } from "../restic/amounts.ts";
import { backupArgv, excludeFileText, parseBackupLine } from "../restic/backup.ts";
import type { Complaint } from "../restic/complaints.ts";
import { resticFailure } from "../restic/failures.ts";
import { initArgv } from "../restic/init.ts";
import { listedRecords, parseSnapshots, snapshotsArgv } from "../restic/snapshots.ts";
import { BackupStory, summaryLine } from "./backup-story.ts";
import {
  failedVerdict,
  failedWith,
  ResticSession,
  type JobHost,
  type ResticRun,
  type SessionJob,
  type Verdict,
} from "./session.ts";

/** After a backup, the proof that its snapshot is there must not hold up the verdict for long. */
const LIST_WITHIN_MS = 120_000;

/**
 * Runs one job to its verdict. `stop` in `job` ends it early; the caller knows why, so such a verdict is null. Nothing
 * secret outlives the call.
 */
export async function runJob(spec: JobSpec, job: SessionJob, host: JobHost): Promise<Verdict | null> {
  job.record({ type: "phased", atMs: host.nowMs(), phase: "prepare" });
  const opened = await ResticSession.open(job, host, { reach: true });
  if (job.stop.aborted) return null;
  if (!opened.ok) {
    job.record({
      type: "logged",
      atMs: host.nowMs(),
      stream: "agent",
      level: "error",
      text: opened.failure.detail ?? opened.failure.message,
    });
    return failedVerdict(opened.failure);
  }
  const session = opened.value;
  try {
    const verdict = await runKind(spec, session, host);
    if (verdict) return { ...verdict, resticVersion: session.resticVersion };
    // restic removes its own lock on SIGINT, but not when it had to be killed.
    await session.unlock();
    return null;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return failedWith("restic.failed", `The job could not be started on this host: ${error.message}.`, true);
  }
}

async function runKind(spec: JobSpec, session: ResticSession, host: JobHost): Promise<Verdict | null> {
  switch (spec.kind) {
    case "backup":
      return backUp(spec, session, host);
    case "init":
      return init(session);
    case "snapshots":
      return listAll(spec.repositoryId, session);
  }
}

async function backUp(spec: BackupSpec, session: ResticSession, host: JobHost): Promise<Verdict | null> {
  let excludeFile: string | null = null;
  try {
    if (spec.excludes.length > 0) {
      excludeFile = join(host.runDirectory, `${spec.scheduleId}.excludes`);
      makePrivateDirectory(host.runDirectory);
      writeFileAtomically(excludeFile, excludeFileText(spec.excludes));
    }
    const argv = backupArgv(spec, { hostname: host.hostname, excludeFile });
    // Should the repository be missing, that is no trouble when it is to be made.
    const first = await tryBackUp(argv, session, spec.createRepository);
    if (!spec.createRepository || first?.verdict.failure?.code !== "repository.missing") {
      session.tell(first?.held ?? []);
      return await concluded(first, spec, session);
    }
    session.say("agent", "There is no repository at this address yet: making it");
    const made = await init(session);
    if (made?.outcome !== "succeeded") return made;
    return await concluded(await tryBackUp(argv, session, false), spec, session);
  } finally {
    if (excludeFile !== null) rmSync(excludeFile, { force: true });
  }
}

interface BackupEnd {
  verdict: Verdict;
  /** As restic names the snapshot it made; null when it made none. */
  snapshotName: string | null;
  held: Complaint[];
}

/** One run of `restic backup`; null when it was stopped. `hold` keeps complaints back until the repository is open. */
async function tryBackUp(argv: readonly string[], session: ResticSession, hold: boolean): Promise<BackupEnd | null> {
  const story = new BackupStory(session, () => session.warnings);
  const run = await session.run(argv, {
    onStdout(line) {
      const message = parseBackupLine(line);
      if (message) story.hear(message);
    },
    hold: () => hold && !story.opened,
  });
  const { held } = run;
  const { summary, snapshotName } = story;
  if (!run.failure && summary) {
    // Exit 3 means that something could not be read, counted or not.
    const warnings = Math.max(session.warnings, run.exit.code === 3 ? 1 : 0);
    const lastError = session.lastWarning;
    const verdict: Verdict = {
      outcome: "succeeded",
      summary,
      ...(warnings > 0 ? { warnings } : {}),
      ...(lastError === null ? {} : { lastError }),
    };
    return { verdict, snapshotName, held };
  }
  if (run.exit.stopped) return null;
  return { verdict: failedRun(run, "restic.no_summary"), snapshotName: null, held };
}

/** After a good backup: the snapshot as the repository lists it, under its full id. */
async function concluded(end: BackupEnd | null, spec: BackupSpec, session: ResticSession): Promise<Verdict | null> {
  if (!end) return null;
  const { verdict, snapshotName } = end;
  const { summary } = verdict;
  if (verdict.outcome !== "succeeded" || !summary || snapshotName === null) return verdict;
  session.say("restic", summaryLine(summary));
  session.phase("list");
  const run = await session.run(snapshotsArgv([snapshotName]), { document: true, limitMs: LIST_WITHIN_MS });
  const listed = run.failure ? null : parseSnapshots(run.exit.document)?.find((one) => one.id.startsWith(snapshotName));
  if (!listed) {
    session.say("agent", `Snapshot ${snapshotName} could not be listed; it is saved all the same`, "warning");
    return verdict;
  }
  session.record({
    type: "snapshot",
    atMs: session.nowMs(),
    repositoryId: spec.repositoryId,
    snapshot: { summary: { ...summary, snapshotId: listed.id }, ...listed },
  });
  session.say("agent", `Snapshot ${listed.id.slice(0, 8)} is saved`);
  return { ...verdict, summary: { ...summary, snapshotId: listed.id } };
}

async function init(session: ResticSession): Promise<Verdict | null> {
  session.phase("init");
  const run = await session.run(initArgv);
  if (!run.failure) {
    session.say("agent", "The repository is made");
    return { outcome: "succeeded" };
  }
  if (run.exit.stopped) return null;
  return failedRun(run, "restic.failed");
}

async function listAll(repositoryId: string, session: ResticSession): Promise<Verdict | null> {
  session.phase("list");
  const listedAtMs = session.nowMs();
  const run = await session.run(snapshotsArgv(), { document: true });
  const snapshots = run.failure ? null : parseSnapshots(run.exit.document);
  if (snapshots) {
    for (const snapshot of snapshots)
      session.record({ type: "snapshot", atMs: session.nowMs(), repositoryId, snapshot });
    for (const record of listedRecords(repositoryId, snapshots, listedAtMs)) session.record(record);
    session.say("agent", `The repository lists ${formatCount(snapshots.length, "snapshot")}`);
    return { outcome: "succeeded" };
  }
  if (run.exit.stopped) return null;
  return failedRun(run, "restic.no_summary");
}

/** `otherwise` is for a run that did not fail by its own words, yet proved nothing. */
function failedRun(run: ResticRun, otherwise: FailureCode): Verdict {
  const failure = run.failure ?? resticFailure(otherwise);
  return { ...failedVerdict(failure), ...(run.lastError === null ? {} : { lastError: run.lastError }) };
}
