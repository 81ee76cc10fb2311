import { html } from "../../parts/html.ts";
import { icon } from "../../parts/icon.ts";
import { JobList } from "../../parts/job-list.ts";

export function HostJobs({ hostId }: { hostId: string }) {
  return html`<section class="card" aria-label="Jobs">
    <${JobList}
      query=${{ hostId }}
      withHost=${false}
      empty=${html`<div class="empty">
        ${icon("jobs")}
        <h2>No jobs yet</h2>
        <p class="fs13">A backup shows up here as soon as it is asked for.</p>
      </div>`}
    />
  </section>`;
}
