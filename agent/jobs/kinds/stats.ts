import type { JobSpec, Measurement } from "../../../protocol/wire.ts";
import { formatBytes, formatCount } from "../../restic/amounts.ts";
import { probeAppendOnly } from "../../restic/append-only.ts";
import { parseStats, statsArgv, type Stats, type StatsMode } from "../../restic/stats.ts";
import { failedRun, failedWith, type JobHost, type ResticRun, type ResticSession, type Verdict } from "../session.ts";

type StatsSpec = Extract<JobSpec, { kind: "stats" }>;

/** Walking all snapshots of a big repository takes long, and the host has backups to make. */
const MEASURE_WITHIN_MS = 30 * 60_000;
const MAX_LOCKS = 100;

/** Measures the repository without taking a lock. What could be found out is told, also when the rest failed. */
export async function measure(spec: StatsSpec, session: ResticSession, host: JobHost): Promise<Verdict | null> {
  session.phase("measure");
  const until = AbortSignal.timeout(MEASURE_WITHIN_MS);
  const found: Omit<Measurement, "repositoryId"> = {};
  const locks = await session.locks(MAX_LOCKS);
  if (locks) found.locks = locks;
  const appendOnly = await probeAppendOnly(session.access, host.ownEnv, session.stop);
  if (appendOnly !== null) found.appendOnly = appendOnly;

  const raw = session.stopped ? null : await ask(session, "raw-data", until);
  if (raw?.stats) {
    found.storedBytes = raw.stats.sizeBytes;
    found.snapshots = raw.stats.snapshots;
    if (raw.stats.uncompressedBytes !== null) found.uncompressedBytes = raw.stats.uncompressedBytes;
  }
  const restore = session.stopped || !raw?.stats ? null : await ask(session, "restore-size", until);
  if (restore?.stats) found.restoreBytes = restore.stats.sizeBytes;
  if (session.stopped) return null;

  session.record([{ type: "measured", atMs: session.nowMs(), repositoryId: spec.repositoryId, ...found }]);
  const failed = [raw, restore].find((one) => one && !one.stats);
  if (failed && until.aborted) {
    const why =
      "Measuring the repository took longer than 30 minutes and was ended. What was found until then is kept.";
    return failedWith("restic.failed", why, true);
  }
  if (failed) return failedRun(failed.run, "restic.no_summary");
  session.say("agent", `${formatCount(found.snapshots ?? 0, "snapshot")} in ${formatBytes(found.storedBytes ?? 0)}`);
  return { outcome: "succeeded" };
}

async function ask(
  session: ResticSession,
  mode: StatsMode,
  until: AbortSignal,
): Promise<{ run: ResticRun; stats: Stats | null }> {
  const run = await session.run(statsArgv(mode), { document: true, until });
  return { run, stats: run.failure ? null : parseStats(run.exit.document) };
}
