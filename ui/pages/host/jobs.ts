import { useLocation } from "preact-iso";
import { html } from "../../parts/html.ts";
import { JobFilters, jobQueryOf, jobViewOf, noJobs } from "../../parts/job-filters.ts";
import { JobList } from "../../parts/job-list.ts";

/** Jobs of one host; the filters live in the URL. */
export function HostJobs({ hostId }: { hostId: string }) {
  const { query } = useLocation();
  const path = `/hosts/${hostId}/jobs`;
  const view = { ...jobViewOf(query), hostId: undefined };
  return html`<section class="card" aria-label="Jobs">
    <${JobFilters} path=${path} view=${view} withHost=${false} />
    <${JobList}
      query=${{ ...jobQueryOf(view), hostId }}
      withHost=${false}
      empty=${noJobs(view, path, "A job shows up here as soon as it is asked for.")}
    />
  </section>`;
}
