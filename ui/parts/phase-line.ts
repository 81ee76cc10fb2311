import type { PhaseStep } from "../words/phases.ts";
import { html } from "./html.ts";
import { icon } from "./icon.ts";

const MARK = { done: "ok", now: "run", todo: "todo", failed: "bad", cancelled: "stop", skipped: "todo" } as const;
const SAID = {
  done: "done",
  now: "running",
  todo: "to come",
  failed: "failed",
  cancelled: "cancelled",
  skipped: "skipped",
} as const;

/** The steps of a job on a line; vertical on a phone. `still` stops the spinner while nothing is heard. */
export function phaseLine(steps: readonly PhaseStep[], still: boolean) {
  return html`<ol class="phases" aria-label="Phases">
    ${steps.map(
      (step) =>
        html`<li key=${step.phase} class=${step.state} aria-current=${step.state === "now" ? "step" : undefined}>
          <div class="rail">${icon(MARK[step.state], `i-lg ${step.state === "now" && !still ? "spin" : ""}`)}</div>
          <div>${step.word}<span class="sr">, ${SAID[step.state]}</span><small>${step.note}</small></div>
        </li>`,
    )}
  </ol>`;
}
