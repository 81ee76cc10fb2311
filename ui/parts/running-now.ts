import { useComputed } from "@preact/signals";
import { activeJobs, type ActiveJob } from "../state/fleet.ts";
import { literal } from "../words/literal.ts";
import { percentText } from "../words/percent.ts";
import { etaText, roundEtaMs } from "../words/eta.ts";
import { JOB_KIND } from "../words/status.ts";
import { ProgressBar } from "./progress-bar.ts";
import { html } from "./html.ts";

const SHOWN = 5;

/** Jobs that run, with live bars, beside every page. */
export function RunningNow() {
  const running = [...activeJobs.value.values()].filter((job) => job.state === "running");
  if (running.length === 0) return null;
  const more = running.length - SHOWN;
  return html`<section aria-label="Running now">
    <h2>Running now</h2>
    ${running.slice(0, SHOWN).map((job) => html`<${LiveJob} key=${job.jobId} job=${job} />`)}
    ${more > 0 ? html`<a class="livejob dim" href="/jobs?state=running">${more} more</a>` : null}
  </section>`;
}

function LiveJob({ job }: { job: ActiveJob }) {
  const percent = useComputed(() => percentText(job.progress.value?.percent));
  const line = useComputed(() => {
    const eta = job.progress.value?.etaMs;
    return eta === undefined
      ? JOB_KIND[job.kind].noun
      : `${JOB_KIND[job.kind].noun}, ${etaText(roundEtaMs(eta)).slice(6)}`;
  });
  return html`<a class="livejob" href=${`/jobs/${job.jobId}`}>
    <span class="row between"
      ><span class="mono semi clip">${literal(job.hostName)}</span><span class="faint nowrap">${percent}</span></span
    >
    <span class="faint">${line}</span>
    <${ProgressBar} progress=${job.progress} />
  </a>`;
}
