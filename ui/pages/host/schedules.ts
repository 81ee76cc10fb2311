import type { HostDetail } from "../../../protocol/api.ts";
import { html } from "../../parts/html.ts";
import { literal } from "../../words/literal.ts";

/** The schedules of a host. */
export function HostSchedules({ detail }: { detail: HostDetail; reload: () => Promise<void> }) {
  const base = `/hosts/${detail.id}/schedules`;
  return html`<section class="card" aria-labelledby="schedules">
    <div class="chead">
      <h2 id="schedules">Schedules</h2>
    </div>
    <ul class="list">
      ${detail.schedules.map((s) => html`<li class="item"><a href=${`${base}/${s.id}`}>${literal(s.name)}</a></li>`)}
    </ul>
  </section>`;
}
