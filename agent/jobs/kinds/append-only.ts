import type { Failure } from "../../../protocol/failure.ts";
import type { ResticSession } from "../session.ts";

/** A delete that was refused says what a repository is, whatever its storage. */
export function recordAppendOnly(failure: Failure, repositoryId: string, session: ResticSession): void {
  if (failure.code !== "repository.append_only") return;
  session.record([{ type: "measured", atMs: session.nowMs(), repositoryId, appendOnly: true }]);
}
