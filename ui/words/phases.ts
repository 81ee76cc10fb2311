import type { JobState } from "../../protocol/stream.ts";
import { TERMINAL_STATES } from "../../protocol/stream.ts";
import type { JobKind, JobPhase } from "../../protocol/wire.ts";
import { PHASE } from "./status.ts";
import { durationText } from "./time.ts";

export interface PhaseStep {
  phase: JobPhase;
  word: string;
  state: "done" | "now" | "todo" | "failed" | "cancelled" | "skipped";
  note: string;
}

/** The steps a job of each kind is expected to take; `init` joins a backup only when it happens. */
const EXPECTED: Record<JobKind, readonly JobPhase[]> = {
  backup: ["prepare", "scan", "upload", "list"],
  init: ["prepare", "init"],
  snapshots: ["prepare", "list"],
};
const ORDER: readonly JobPhase[] = ["prepare", "init", "scan", "upload", "list"];

/**
 * The line of steps of a job: what ran with how long, what runs, what is still to come. The step that a failed
 * or cancelled job stopped in says so, and the later ones are skipped. `endMs` is when the job ended, or now.
 */
export function phaseSteps(job: {
  kind: JobKind;
  state: JobState;
  seen: readonly { phase: JobPhase; atMs: number }[];
  endMs: number;
}): PhaseStep[] {
  const ended = TERMINAL_STATES.has(job.state);
  const began = new Map(job.seen.map((step) => [step.phase, step.atMs]));
  const last = job.seen.at(-1)?.phase;
  const steps = ORDER.filter((phase) => EXPECTED[job.kind].includes(phase) || began.has(phase));
  return steps.map((phase) => {
    const at = began.get(phase);
    const word = PHASE[phase];
    if (at === undefined) {
      const passed = last !== undefined && ORDER.indexOf(phase) < ORDER.indexOf(last);
      if (ended || passed)
        return job.state === "succeeded" || passed
          ? { phase, word, state: "done", note: "" }
          : { phase, word, state: "skipped", note: "skipped" };
      return { phase, word, state: "todo", note: "" };
    }
    if (phase !== last) return { phase, word, state: "done", note: tookText(nextAt(job.seen, phase) - at) };
    if (job.state === "succeeded") return { phase, word, state: "done", note: tookText(job.endMs - at) };
    if (job.state === "failed" || job.state === "cancelled") return { phase, word, state: job.state, note: job.state };
    return { phase, word, state: "now", note: `${durationText(job.endMs - at)} so far` };
  });
}

/** How long something took that is over. */
export function tookText(ms: number): string {
  return ms < 1000 ? "under 1 s" : durationText(ms);
}

function nextAt(seen: readonly { phase: JobPhase; atMs: number }[], phase: JobPhase): number {
  const at = seen.findIndex((step) => step.phase === phase);
  return seen[at + 1]?.atMs ?? seen[at]!.atMs;
}
