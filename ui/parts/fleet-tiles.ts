import type { FleetSummary } from "../../protocol/api.ts";
import { shareText } from "../words/percent.ts";
import { countOf, countText } from "../words/size.ts";
import { HOST_STATUS, type StatusWords } from "../words/status.ts";
import { html } from "./html.ts";
import { icon } from "./icon.ts";

const AT_RISK: StatusWords = { word: "At risk", icon: "warn", tone: "bad" };

/** Two tiles: how the hosts stand (each count is a filter) and the last 24 hours. */
export function FleetTiles({ fleet }: { fleet: FleetSummary }) {
  const counts = [
    { count: fleet.protected, words: HOST_STATUS.protected, filter: "protected", bar: "b-ok", always: true },
    { count: fleet.atRisk, words: AT_RISK, filter: "at-risk", bar: "b-bad", always: true },
    { count: fleet.offline, words: HOST_STATUS.offline, filter: "offline", bar: "b-idle", always: true },
    { count: fleet.new, words: HOST_STATUS.new, filter: "new", bar: "b-new", always: false },
  ].filter((part) => part.always || part.count > 0);
  return html`<section class="tiles tiles-2" aria-label="Fleet summary">
    <div class="card tile">
      <h2>Hosts</h2>
      <div class="trio">
        ${counts.map(
          (part) =>
            html`<a href=${`/?status=${part.filter}`}
              ><span class="stat">${countText(part.count)}</span><br /><span
                class=${`st ${part.count > 0 || part.filter === "protected" ? part.words.tone : "quiet"}`}
                >${icon(part.words.icon)}${part.words.word}</span
              ></a
            >`,
        )}
      </div>
      <div class="seg" aria-hidden="true">
        ${counts.filter((part) => part.count > 0).map((part) => html`<i class=${part.bar} style=${{ flexGrow: part.count }}></i>`)}
      </div>
    </div>
    <${LastDay} hours=${fleet.hours} />
  </section>`;
}

function LastDay({ hours }: { hours: FleetSummary["hours"] }) {
  const succeeded = hours.reduce((sum, hour) => sum + hour.succeeded, 0);
  const failed = hours.reduce((sum, hour) => sum + hour.failed, 0);
  const all = succeeded + failed;
  const most = Math.max(1, ...hours.map((hour) => hour.succeeded + hour.failed));
  return html`<div class="card tile">
    <h2>Last 24 hours</h2>
    <div class="stat">
      ${all === 0 ? html`none<small>no backup ended</small>` : html`${shareText(succeeded, all)}<small>succeeded</small>`}
    </div>
    <div
      class="hours"
      role="img"
      aria-label=${`Backups per hour: ${countText(succeeded)} succeeded, ${countText(failed)} failed`}
    >
      ${hours.map((hour) => {
        const sum = hour.succeeded + hour.failed;
        return html`<i
          class=${sum === 0 ? "z" : hour.failed > 0 ? "f" : ""}
          style=${{ height: `${sum === 0 ? 8 : Math.max(16, (sum / most) * 100)}%` }}
        ></i>`;
      })}
    </div>
    <div class="foot">
      ${countOf(all, "backup")}${failed > 0 ? html`, <a class="t-bad" href="/jobs?state=failed">${countText(failed)} failed</a>` : null}
    </div>
  </div>`;
}
