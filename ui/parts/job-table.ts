import { useComputed } from "@preact/signals";
import { useLocation } from "preact-iso";
import type { JobResource } from "../../protocol/api.ts";
import { activeJobs } from "../state/fleet.ts";
import { literal } from "../words/literal.ts";
import { percentText } from "../words/percent.ts";
import { tookText } from "../words/phases.ts";
import { countOf, sizeChangeText, sizeText } from "../words/size.ts";
import { JOB_KIND, jobStatus } from "../words/status.ts";
import { html } from "./html.ts";
import { statusPill } from "./status-pill.ts";
import { Ago, Since } from "./time.ts";

/** Jobs, newest first. `withHost` adds whose they are. */
export function JobTable({ jobs, withHost }: { jobs: readonly JobResource[]; withHost: boolean }) {
  return html`<div class="tblwrap">
    <table class="jobs">
      <thead>
        <tr>
          <th scope="col">Job</th>
          ${withHost ? html`<th scope="col">Host</th>` : null}
          <th scope="col">Result</th>
          <th scope="col">Asked</th>
          <th scope="col" class="num hide-sm">Took</th>
          <th scope="col" class="num hide-sm">Added</th>
          <th scope="col" class="hide-sm">By</th>
        </tr>
      </thead>
      <tbody>
        ${jobs.map((job) => html`<${JobRow} key=${job.id} job=${job} withHost=${withHost} />`)}
      </tbody>
    </table>
  </div>`;
}

function JobRow({ job, withHost }: { job: JobResource; withHost: boolean }) {
  const { route } = useLocation();
  const address = `/jobs/${job.id}`;
  const percent = useComputed(() => percentText(activeJobs.value.get(job.id)?.progress.value?.percent));
  function press(event: KeyboardEvent): void {
    if (event.key === "Enter" && event.target === event.currentTarget) route(address);
  }
  return html`<tr tabindex="0" onKeyDown=${press}>
    <td><a href=${address}>${JOB_KIND[job.kind].noun}</a></td>
    ${
      withHost
        ? html`<td class="c-host">
            <a class="host" href=${`/hosts/${job.hostId}`}><bdi class="clip">${literal(job.hostName)}</bdi></a>
          </td>`
        : null
    }
    <td class="c-st">${statusPill(jobStatus(job), job.state === "running" ? html` ${percent}` : null)}</td>
    <td class="c-at"><${Ago} at=${job.createdAtMs} /></td>
    <td class="num hide-sm">${took(job)}</td>
    <td class="num hide-sm">${changeText(job) ?? html`<span class="faint">none</span>`}</td>
    <td class="dim hide-sm">${literal(job.askedBy ?? job.scheduleName ?? "schedule")}</td>
  </tr>`;
}

/** What a job added to or took from the repository; null when neither is known. */
function changeText(job: JobResource): string | null {
  if (job.summary) return sizeText(job.summary.addedBytes);
  if (job.result?.kind === "prune") return sizeChangeText(-job.result.freedBytes);
  if (job.result?.kind === "forget") return `\u2212${countOf(job.result.removed, "snapshot")}`;
  return null;
}

/** How long a job ran; what has not started took nothing. */
function took(job: JobResource) {
  if (job.startedAtMs === undefined) return html`<span class="faint">not started</span>`;
  return job.finishedAtMs === undefined
    ? html`<${Since} at=${job.startedAtMs} />`
    : tookText(job.finishedAtMs - job.startedAtMs);
}
