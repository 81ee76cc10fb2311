import { useLocation } from "preact-iso";
import { JOB_STATES } from "../../protocol/stream.ts";
import { withQuery } from "../net/api.ts";
import { html } from "../parts/html.ts";
import { icon } from "../parts/icon.ts";
import { JobList } from "../parts/job-list.ts";
import { useTitle } from "../parts/title.ts";
import { JOB_STATE } from "../words/status.ts";

/** All jobs of the fleet; the filter lives in the URL. */
export function JobsPage() {
  useTitle("Jobs");
  const { query, route } = useLocation();
  const state = JOB_STATES.find((s) => s === query["state"]);
  const chip = (word: string, value: string | undefined, mark?: string) =>
    html`<button
      type="button"
      class="chip"
      aria-pressed=${state === value}
      onClick=${() => route(withQuery("/jobs", { state: state === value ? undefined : value }))}
    >
      ${mark ? icon(mark, "i-sm") : null}${word}
    </button>`;
  return html`<div class="page">
    <header class="phead">
      <div>
        <h1>Jobs</h1>
        <p>What ran, runs and waits on every host, newest first.</p>
      </div>
    </header>
    <section class="card" aria-label="Jobs">
      <div class="toolbar" role="group" aria-label="State">
        ${chip("All", undefined)}${JOB_STATES.map((s) => chip(JOB_STATE[s].word, s, JOB_STATE[s].icon))}
      </div>
      <${JobList}
        query=${{ state }}
        withHost
        empty=${html`<div class="empty">
          ${icon(state === undefined ? "jobs" : "filter")}
          <h2>${state === undefined ? "No jobs yet" : `No job is ${JOB_STATE[state].word.toLowerCase()}`}</h2>
          <p class="fs13">
            ${state === undefined ? "The first backup of a host shows up here." : "Jobs in other states are hidden."}
          </p>
          ${state === undefined ? null : html`<a class="btn sm" href="/jobs">Clear filters</a>`}
        </div>`}
      />
    </section>
  </div>`;
}
