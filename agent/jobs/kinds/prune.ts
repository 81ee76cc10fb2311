import type { JobSpec } from "../../../protocol/wire.ts";
import { formatBytes } from "../../restic/amounts.ts";
import { parseFreedBytes, pruneArgv } from "../../restic/prune.ts";
import { pastLocks } from "../past-locks.ts";
import { failedRun, type JobHost, type ResticSession, type Verdict } from "../session.ts";
import { recordAppendOnly } from "./append-only.ts";
import { tellText } from "./told-progress.ts";

type PruneSpec = Extract<JobSpec, { kind: "prune" }>;

/** Removes data that no snapshot needs. Whether the host allows it was judged before (policy/host-rules.ts). */
export async function prune(spec: PruneSpec, session: ResticSession, host: JobHost): Promise<Verdict | null> {
  session.phase("prune");
  let freedBytes = 0;
  const run = await pastLocks(session, host, { exclusive: true, phase: "prune" }, async () => {
    freedBytes = 0;
    const onStdout = tellText(session, "prune", (line) => {
      freedBytes = parseFreedBytes(line) ?? freedBytes;
    });
    return session.run(pruneArgv(spec.limits), { onStdout });
  });
  if (run.failure) {
    if (session.stopped) return null;
    recordAppendOnly(run.failure, spec.repositoryId, session);
    return failedRun(run, "restic.failed");
  }
  session.say("agent", freedBytes === 0 ? "There was nothing to prune" : `${formatBytes(freedBytes)} are free again`);
  return { outcome: "succeeded", result: { kind: "prune", freedBytes } };
}
