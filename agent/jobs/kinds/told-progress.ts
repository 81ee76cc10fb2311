import { PROGRESS_INTERVAL_MS } from "../../../protocol/limits.ts";
import type { JobPhase } from "../../../protocol/wire.ts";
import { cleanLine } from "../../restic/clean-text.ts";
import { parseTextProgress } from "../../restic/text-progress.ts";
import type { StoryTeller } from "./backup-story.ts";

/**
 * Shows what a command prints as text: its lines go to the log, its progress to the progress bar, and of each bar only
 * the last line to the log. `hear` sees every line that is no progress.
 */
export function tellText(
  teller: StoryTeller,
  phase: JobPhase,
  hear: (line: string) => void = () => {},
): (line: Buffer) => void {
  let toldMs = Number.NEGATIVE_INFINITY;
  return (bytes) => {
    const line = cleanLine(bytes.toString("utf8"));
    if (line === "") return;
    const progress = parseTextProgress(line);
    if (progress && !progress.done) {
      const nowMs = teller.nowMs();
      if (Math.abs(nowMs - toldMs) < PROGRESS_INTERVAL_MS) return;
      toldMs = nowMs;
      teller.progress({
        phase,
        ...(progress.percent === null ? {} : { percent: progress.percent }),
        bytes: 0,
        files: 0,
      });
      return;
    }
    teller.say("restic", line);
    if (!progress) hear(line);
  };
}
