import { initArgv } from "../../restic/init.ts";
import { failedRun, type ResticSession, type Verdict } from "../session.ts";

/** Makes the repository. Null when the job was stopped. */
export async function makeRepository(session: ResticSession): Promise<Verdict | null> {
  session.phase("init");
  const run = await session.run(initArgv);
  if (!run.failure) {
    session.say("agent", "The repository is made");
    return { outcome: "succeeded" };
  }
  return session.stopped ? null : failedRun(run, "restic.failed");
}
