import type { CheckSpec } from "../../../protocol/wire.ts";
import { makePrivateDirectory } from "../../disk/atomic-file.ts";
import { formatCount } from "../../restic/amounts.ts";
import { checkArgv, describeRead, parseCheckSummary, type CheckSummary, type ReadPart } from "../../restic/check.ts";
import { Damage } from "../../restic/damage.ts";
import { atLeast } from "../../restic/version.ts";
import { pastLocks } from "../past-locks.ts";
import { keepPart, nextPart } from "../rotation.ts";
import { failedRun, type JobHost, type ResticSession, type Verdict } from "../session.ts";
import { tellText } from "./told-progress.ts";

/** Checks the repository, and says in plain words what is damaged and what to do about it. */
export async function check(spec: CheckSpec, session: ResticSession, host: JobHost): Promise<Verdict | null> {
  session.phase("check");
  const { repositoryId, readData } = spec;
  const read: ReadPart =
    readData.mode === "rotate"
      ? { mode: "part", of: readData.of, part: nextPart(host.rotationFile, repositoryId, readData.of) }
      : readData;
  makePrivateDirectory(host.runDirectory);
  let damage = new Damage();
  let summary: CheckSummary | null = null;
  const run = await pastLocks(session, host, { exclusive: true, phase: "check" }, async () => {
    const found = new Damage();
    damage = found;
    summary = null;
    const showText = tellText(session, "check");
    return session.run(checkArgv(read, spec.limits), {
      // Its cache is made for this check alone, and stays behind where the check is killed: there, until the agent starts.
      cacheDirectory: host.runDirectory,
      onStdout(line) {
        const parsed = parseCheckSummary(line.toString("utf8"));
        if (parsed) summary = parsed;
        else showText(line);
      },
      onComplaint: (text) => found.hear(text),
    });
  });
  const said = summary as CheckSummary | null;
  for (const id of said?.brokenPacks ?? []) damage.addBrokenPack(id);
  const hasFinished = !run.failure || run.failure.code === "repository.damaged";
  if (!hasFinished || (run.failure && run.exit.stopped)) {
    return session.stopped ? null : failedRun(run, "restic.failed");
  }
  if (!run.failure && !said && atLeast(session.version, 0, 18)) return failedRun(run, "restic.no_summary");
  if (read.mode === "part") keepPart(host.rotationFile, repositoryId, read.of, read.part);
  if (run.failure) {
    const errors = Math.max(1, said?.errors ?? damage.errors);
    const verdict = failedRun(run, "repository.damaged");
    return {
      ...verdict,
      failure: { ...run.failure, message: damage.describe(session.version) },
      result: { kind: "check", errors, read: describeRead(read) },
    };
  }
  if (said?.suggestRepairIndex) session.say("agent", "The index is untidy; restic repair index mends it", "warning");
  if (said?.suggestPrune) session.say("agent", "Some data is stored twice or unused; a prune removes it");
  session.say("agent", `No errors were found; ${describePart(read)}`);
  return { outcome: "succeeded", result: { kind: "check", errors: 0, read: describeRead(read) } };
}

function describePart(read: ReadPart): string {
  const part = describeRead(read);
  if (part === "none") return "the stored data itself was not read";
  if (part === "all") return "all stored data was read";
  return read.mode === "part"
    ? `part ${read.part} of ${formatCount(read.of, "part")} of the stored data was read`
    : `${part} of the stored data was read`;
}
