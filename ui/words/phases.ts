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

/** The steps a job of each kind is expected to take; others (hooks, a lock, `init`) join only when they happen. */
const EXPECTED: Record<JobKind, readonly JobPhase[]> = {
  backup: ["prepare", "scan", "upload", "list"],
  check: ["prepare", "check"],
  forget: ["prepare", "forget"],
  prune: ["prepare", "prune"],
  unlock: ["prepare", "unlock"],
  stats: ["prepare", "measure"],
  init: ["prepare", "init"],
  snapshots: ["prepare", "list"],
};

type Seen = readonly { phase: JobPhase; atMs: number }[];

/**
 * The line of steps of a job: what ran with how long, what runs, what is still to come. The step that a failed
 * or cancelled job stopped in says so, and the later ones are skipped. A step that comes twice (a scan after the wait
 * for a lock) is one, with the time of both. `endMs` is when the job ended, or now.
 */
export function phaseSteps(job: { kind: JobKind; state: JobState; seen: Seen; endMs: number }): PhaseStep[] {
  const ended = TERMINAL_STATES.has(job.state);
  const tookMs = timeIn(job.seen, job.endMs);
  const last = job.seen.at(-1);
  const steps = inOrder(EXPECTED[job.kind], [...tookMs.keys()]);
  const lastAt = last === undefined ? -1 : steps.indexOf(last.phase);
  return steps.map((phase, at): PhaseStep => {
    const word = PHASE[phase];
    const ms = tookMs.get(phase);
    if (ms === undefined) {
      if (at < lastAt || job.state === "succeeded") return { phase, word, state: "done", note: "" };
      return ended ? { phase, word, state: "skipped", note: "skipped" } : { phase, word, state: "todo", note: "" };
    }
    if (at !== lastAt || job.state === "succeeded") return { phase, word, state: "done", note: tookText(ms) };
    if (job.state === "failed" || job.state === "cancelled") return { phase, word, state: job.state, note: job.state };
    return { phase, word, state: "now", note: `${durationText(job.endMs - last!.atMs)} so far` };
  });
}

/** How long something took that is over. */
export function tookText(ms: number): string {
  return ms < 1000 ? "under 1 s" : durationText(ms);
}

/** Time spent in each phase that came, in ms, by first coming. */
function timeIn(seen: Seen, endMs: number): Map<JobPhase, number> {
  const took = new Map<JobPhase, number>();
  seen.forEach(({ phase, atMs }, i) => {
    took.set(phase, (took.get(phase) ?? 0) + (seen[i + 1]?.atMs ?? endMs) - atMs);
  });
  return took;
}

/** What came, as it came, with each expected step that did not before the first of those that follow it. */
function inOrder(expected: readonly JobPhase[], came: readonly JobPhase[]): JobPhase[] {
  const steps = [...came];
  expected.forEach((phase, i) => {
    if (steps.includes(phase)) return;
    const later = new Set(expected.slice(i + 1));
    const before = steps.findIndex((step) => later.has(step));
    steps.splice(before === -1 ? steps.length : before, 0, phase);
  });
  return steps;
}
