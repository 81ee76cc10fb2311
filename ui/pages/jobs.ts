import { useLocation } from "preact-iso";
import { html } from "../parts/html.ts";
import { JobFilters, jobQueryOf, jobViewOf, noJobs } from "../parts/job-filters.ts";
import { JobList } from "../parts/job-list.ts";
import { useTitle } from "../parts/title.ts";

/** All jobs of the fleet; the filters live in the URL. */
export function JobsPage() {
  useTitle("Jobs");
  const { query } = useLocation();
  const view = jobViewOf(query);
  return html`<div class="page">
    <header class="phead">
      <div>
        <h1>Jobs</h1>
        <p>What ran, runs and waits on every host, newest first.</p>
      </div>
    </header>
    <section class="card" aria-label="Jobs">
      <${JobFilters} path="/jobs" view=${view} withHost />
      <${JobList}
        query=${jobQueryOf(view)}
        withHost
        empty=${noJobs(view, "/jobs", "The first backup of a host shows up here.")}
      />
    </section>
  </div>`;
}
