import { hostForgetRefusal } from "../../../core/retention/host-guard.ts";
import { fail, ok, type Result } from "../../../protocol/failure.ts";
import type { ForgetSpec, Snapshot } from "../../../protocol/wire.ts";
import { formatCount } from "../../restic/amounts.ts";
import { scheduleTag } from "../../restic/backup.ts";
import { forgetArgv } from "../../restic/forget.ts";
import { pastLocks } from "../past-locks.ts";
import { failedRun, failedVerdict, failedWith, type JobHost, type ResticSession, type Verdict } from "../session.ts";
import { recordAppendOnly } from "./append-only.ts";
import { listRepository, recordIds } from "./snapshots.ts";

/**
 * Removes exactly the snapshots it was told, after a look of its own at the repository: whatever the server says, no
 * snapshot of another host or schedule, never the newest, and no more than this host's policy allows. A second listing
 * proves what is gone.
 */
export async function forget(spec: ForgetSpec, session: ResticSession, host: JobHost): Promise<Verdict | null> {
  const policy = host.policy();
  if (!policy.ok) return failedVerdict(policy.failure);
  const before = await listRepository(session);
  if ("verdict" in before) return before.verdict;
  const isOurs = (snapshot: Snapshot) =>
    snapshot.hostname === host.hostname && snapshot.tags.includes(scheduleTag(spec.scheduleId));
  const group = before.snapshots.filter(isOurs);

  const judged = judgeForget(spec, before.snapshots, group);
  if (!judged.ok) {
    recordIds(session, spec.repositoryId, before);
    return failedVerdict(judged.failure);
  }
  const ids = judged.value;
  const gone = new Set(spec.snapshotIds).size - ids.length;
  if (gone > 0) session.say("agent", `${formatCount(gone, "snapshot")} of the plan had left the repository already`);
  const forbidden = hostForgetRefusal(policy.value, group.length, ids.length);
  if (forbidden !== null) {
    recordIds(session, spec.repositoryId, before);
    return failedWith("policy.forbidden", forbidden);
  }
  if (ids.length === 0) {
    recordIds(session, spec.repositoryId, before);
    return { outcome: "succeeded", result: { kind: "forget", removed: 0, kept: group.length } };
  }

  session.phase("forget");
  const run = await pastLocks(session, host, { exclusive: true, phase: "forget" }, async () =>
    session.run(forgetArgv(ids)),
  );
  if (session.stopped) return null;
  // Also after a failure: some may be gone, and the server's list is to be right.
  const after = await listRepository(session);
  if ("verdict" in after) return run.failure ? failedRun(run, "restic.failed") : after.verdict;
  recordIds(session, spec.repositoryId, after);
  if (run.failure) {
    recordAppendOnly(run.failure, spec.repositoryId, session);
    return failedRun(run, "restic.failed");
  }
  const told = new Set(ids);
  const there = new Set(after.snapshots.map(({ id }) => id));
  const left = ids.filter((id) => there.has(id));
  if (left.length > 0) {
    const why = `restic said that it removed ${formatCount(ids.length, "snapshot")}, but ${left.length} of them are still there, ${left[0]} first.`;
    return failedWith("restic.failed", `${why} Look at the storage's permissions, then run the job again.`, true);
  }
  const lost = group.find(({ id }) => !told.has(id) && !there.has(id));
  if (lost) {
    const why = `Snapshot ${lost.id} is gone too, which nobody asked of this job.`;
    return failedWith("restic.failed", `${why} Find out who else removes snapshots from this repository.`);
  }
  session.say("agent", `${formatCount(ids.length, "snapshot")} removed; the data leaves with the next prune`);
  return { outcome: "succeeded", result: { kind: "forget", removed: ids.length, kept: group.length - ids.length } };
}

/** The ids that may go, without those already gone; or why none may. */
function judgeForget(spec: ForgetSpec, snapshots: readonly Snapshot[], group: readonly Snapshot[]): Result<string[]> {
  const listed = new Set(snapshots.map(({ id }) => id));
  const ours = new Set(group.map(({ id }) => id));
  const ids = [...new Set(spec.snapshotIds)].filter((id) => listed.has(id));
  const foreign = ids.find((id) => !ours.has(id));
  if (foreign !== undefined) {
    const why = `Snapshot ${foreign} is not one of this host and this schedule, so nothing was removed.`;
    return fail("forget.refused", `${why} List the repository's snapshots again, then look at the new plan.`);
  }
  const going = new Set(ids);
  const newestMs = group.at(-1)?.timeMs ?? 0;
  if (ids.length > 0 && !group.some(({ id, timeMs }) => timeMs === newestMs && !going.has(id))) {
    const why = `Snapshot ${group.at(-1)!.id} is the newest of this schedule and never goes, so nothing was removed.`;
    return fail("forget.refused", `${why} Correct the schedule's retention.`);
  }
  return ok(ids);
}
