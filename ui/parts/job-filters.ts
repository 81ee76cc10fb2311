import { DAY_MS } from "../../core/schedule/day.ts";
import { useComputed } from "@preact/signals";
import { useId } from "preact/hooks";
import { useLocation } from "preact-iso";
import { JOB_STATES, type JobState } from "../../protocol/stream.ts";
import { JOB_KINDS, type JobKind } from "../../protocol/wire.ts";
import { withQuery } from "../net/api.ts";
import { settledHosts } from "../state/fleet.ts";
import { literal } from "../words/literal.ts";
import { JOB_KIND, JOB_STATE } from "../words/status.ts";
import { html, type Children } from "./html.ts";
import { icon } from "./icon.ts";

/** Which jobs a list shows; it lives in the page's URL. */
export interface JobView {
  state: JobState | undefined;
  kind: JobKind | undefined;
  hostId: string | undefined;
  /** A UTC day as `2026-11-23`. */
  day: string | undefined;
}

export function jobViewOf(query: Readonly<Record<string, string | undefined>>): JobView {
  const day = query["day"];
  return {
    state: JOB_STATES.find((state) => state === query["state"]),
    kind: JOB_KINDS.find((kind) => kind === query["kind"]),
    hostId: query["host"] || undefined,
    day: day !== undefined && /^\d{4}-\d\d-\d\d$/.test(day) && !Number.isNaN(Date.parse(day)) ? day : undefined,
  };
}

/** The view as the API is asked for it. */
export function jobQueryOf(view: JobView): Record<string, string | undefined> {
  const { state, kind, hostId, day } = view;
  if (day === undefined) return { state, kind, hostId };
  const dayMs = Date.parse(day);
  return { state, kind, hostId, since: String(dayMs), until: String(dayMs + DAY_MS) };
}

export function hasFilter(view: JobView): boolean {
  return Object.values(view).some((part) => part !== undefined);
}

/** Filters above a list of jobs. `path` is the list's address; `host` its host where the page is about one. */
export function JobFilters(props: { path: string; view: JobView; withHost: boolean }) {
  const { path, view } = props;
  const { route } = useLocation();
  const go = (change: Partial<JobView>) => {
    const { hostId, ...rest } = { ...view, ...change };
    route(withQuery(path, { ...rest, host: props.withHost ? hostId : undefined }));
  };
  const chip = (pressed: boolean, press: () => void, body: Children) =>
    html`<button type="button" class="chip" aria-pressed=${pressed} onClick=${press}>${body}</button>`;
  return html`<div class="toolbar toolbar-wrap">
    <select
      class="auto select-sm"
      aria-label="Kind"
      onChange=${(event: Event) => go({ kind: ((event.currentTarget as HTMLSelectElement).value || undefined) as JobKind | undefined })}
    >
      <option value="" selected=${view.kind === undefined}>All kinds</option>
      ${JOB_KINDS.map((kind) => html`<option value=${kind} selected=${view.kind === kind}>${JOB_KIND[kind].noun}</option>`)}
    </select>
    ${props.withHost ? html`<${HostChoice} hostId=${view.hostId} onChange=${(hostId: string | undefined) => go({ hostId })} />` : null}
    <span class="row wrap" role="group" aria-label="State">
      ${chip(view.state === undefined, () => go({ state: undefined }), "All")}
      ${JOB_STATES.map((state) =>
        chip(
          view.state === state,
          () => go({ state: view.state === state ? undefined : state }),
          html`${icon(JOB_STATE[state].icon, "i-sm")}${JOB_STATE[state].word}`,
        ),
      )}
    </span>
    ${view.day === undefined ? null : chip(true, () => go({ day: undefined }), html`${view.day} (UTC) ${icon("x", "i-sm")}<span class="sr">, clear the day</span>`)}
  </div>`;
}

/** A host by its name, with names to choose from; a name of no host changes nothing. */
function HostChoice(props: { hostId: string | undefined; onChange: (hostId: string | undefined) => void }) {
  const id = useId();
  const names = useComputed(() =>
    settledHosts.value.map(({ id, name }) => ({ id, name })).sort((a, b) => (a.name < b.name ? -1 : 1)),
  ).value;
  const chosen = names.find((host) => host.id === props.hostId);
  function typed(event: Event): void {
    const text = (event.currentTarget as HTMLInputElement).value.trim();
    if (text === "") return props.onChange(undefined);
    const host = names.find((one) => one.name === text);
    if (host && host.id !== props.hostId) props.onChange(host.id);
  }
  return html`<span class="input-ic filter-sm">
    ${icon("fleet")}
    <input
      type="search"
      list=${id}
      placeholder="All hosts"
      aria-label="Host"
      value=${chosen ? chosen.name : ""}
      onInput=${typed}
    />
    <datalist id=${id}>
      ${names.map((host) => html`<option key=${host.id} value=${literal(host.name)}></option>`)}
    </datalist>
  </span>`;
}

/** What a list says that shows no job: nothing yet, or hidden by the filters. */
export function noJobs(view: JobView, path: string, yet: string) {
  const filtered = hasFilter(view);
  return html`<div class="empty">
    ${icon(filtered ? "filter" : "jobs")}
    <h2>${filtered ? "No jobs match" : "No jobs yet"}</h2>
    <p class="fs13">${filtered ? "Other jobs are hidden by these filters." : yet}</p>
    ${filtered ? html`<a class="btn sm" href=${path}>Clear filters</a>` : null}
  </div>`;
}
