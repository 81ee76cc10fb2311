import { api } from "../net/endpoints.ts";
import { html } from "../parts/html.ts";
import { loaded, skeletonLines, useLoad } from "../parts/load.ts";
import { literal } from "../words/literal.ts";

/** The editor of one schedule of a host; a new one without an id. */
export function SchedulePage({ hostId, scheduleId }: { hostId: string; scheduleId: string | null }) {
  const detail = useLoad(hostId, () => api.host(hostId));
  return html`<div class="page page-narrow">
    ${loaded(
      detail,
      (host) => html`<h1>${literal(host.schedules.find((s) => s.id === scheduleId)?.name ?? "New schedule")}</h1>`,
      html`<section class="card">${skeletonLines(7)}</section>`,
    )}
  </div>`;
}
