import { rmSync } from "node:fs";
import { join } from "node:path";
import type { BackupSpec } from "../../../protocol/wire.ts";
import { makePrivateDirectory, writeFileAtomically } from "../../disk/atomic-file.ts";
import { backupArgv, excludeFileText, parseBackupLine } from "../../restic/backup.ts";
import type { Complaint } from "../../restic/complaints.ts";
import { parseSnapshots, snapshotsArgv } from "../../restic/snapshots.ts";
import { pastLocks } from "../past-locks.ts";
import { failedRun, type JobHost, type ResticSession, type Verdict } from "../session.ts";
import { BackupStory, summaryLine } from "./backup-story.ts";
import { makeRepository } from "./init.ts";

/** After a backup, the proof that its snapshot is there must not hold up the verdict for long. */
const LIST_WITHIN_MS = 120_000;

/** Backs up, and makes the repository first where it is missing and the operator asked for that. */
export async function backUp(spec: BackupSpec, session: ResticSession, host: JobHost): Promise<Verdict | null> {
  let excludeFile: string | null = null;
  try {
    if (spec.excludes.length > 0) {
      // By job: two of one schedule may run beside each other while it moves to another repository.
      excludeFile = join(host.runDirectory, `${session.jobId}.excludes`);
      makePrivateDirectory(host.runDirectory);
      writeFileAtomically(excludeFile, excludeFileText(spec.excludes));
    }
    const shadowCopies = host.platform.os === "windows";
    const argv = backupArgv(spec, { hostname: host.hostname, excludeFile, shadowCopies });
    // Should the repository be missing, that is no trouble when it is to be made.
    const first = await tryBackUp(argv, session, host, spec.createRepository);
    if (!spec.createRepository || first?.verdict.failure?.code !== "repository.missing") {
      session.tell(first?.held ?? []);
      return await concluded(first, spec, session);
    }
    session.say("agent", "There is no repository at this address yet: making it");
    const made = await makeRepository(session);
    if (made?.outcome !== "succeeded") return made;
    return await concluded(await tryBackUp(argv, session, host, false), spec, session);
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
async function tryBackUp(
  argv: readonly string[],
  session: ResticSession,
  host: JobHost,
  hold: boolean,
): Promise<BackupEnd | null> {
  let story = new BackupStory(session, () => session.warnings);
  const run = await pastLocks(session, host, { exclusive: false, phase: null }, async () => {
    story = new BackupStory(session, () => session.warnings);
    return session.run(argv, {
      onStdout(line) {
        const message = parseBackupLine(line);
        if (message) story.hear(message);
      },
      hold: () => hold && !story.opened,
    });
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
  if (session.stopped) return null;
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
  const until = AbortSignal.timeout(LIST_WITHIN_MS);
  const run = await session.run(snapshotsArgv([snapshotName]), { document: true, until });
  const listed = run.failure ? null : parseSnapshots(run.exit.document)?.find((one) => one.id.startsWith(snapshotName));
  if (!listed) {
    session.say("agent", `Snapshot ${snapshotName} could not be listed; it is saved all the same`, "warning");
    return verdict;
  }
  session.record([
    {
      type: "snapshot",
      atMs: session.nowMs(),
      repositoryId: spec.repositoryId,
      snapshot: { summary: { ...summary, snapshotId: listed.id }, ...listed },
    },
  ]);
  session.say("agent", `Snapshot ${listed.id.slice(0, 8)} is saved`);
  return { ...verdict, summary: { ...summary, snapshotId: listed.id } };
}
