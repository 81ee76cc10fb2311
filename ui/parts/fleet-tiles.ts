import { useComputed } from "@preact/signals";
import type { FleetSummary } from "../../protocol/api.ts";
import { now } from "../state/clock.ts";
import { settledHosts } from "../state/fleet.ts";
import { nextRuns } from "../state/next-runs.ts";
import { literal } from "../words/literal.ts";
import { shareText } from "../words/percent.ts";
import { countOf, countText, ratioText, sizeText } from "../words/size.ts";
import { HOST_STATUS, type StatusWords } from "../words/status.ts";
import { clockMinuteText } from "../words/time.ts";
import { html } from "./html.ts";
import { icon } from "./icon.ts";
import { Ago } from "./time.ts";

const RUNS_SHOWN = 4;
const AT_RISK: StatusWords = { word: "At risk", icon: "warn", tone: "bad" };

/** How the hosts stand (each count is a filter), the last 24 hours, what is stored, and what runs next. */
export function FleetTiles({ fleet }: { fleet: FleetSummary }) {
  const counts = [
    { count: fleet.protected, words: HOST_STATUS.protected, filter: "protected", bar: "b-ok", always: true },
    { count: fleet.atRisk, words: AT_RISK, filter: "at-risk", bar: "b-bad", always: true },
    { count: fleet.offline, words: HOST_STATUS.offline, filter: "offline", bar: "b-idle", always: true },
    { count: fleet.new, words: { ...HOST_STATUS.new, word: "New" }, filter: "new", bar: "b-new", always: false },
  ].filter((part) => part.always || part.count > 0);
  return html`<section class="tiles" aria-label="Fleet summary">
    <div class="card tile wide">
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
    <${Stored} fleet=${fleet} />
    <${NextRuns} />
  </section>`;
}

function Stored({ fleet }: { fleet: FleetSummary }) {
  const { storedBytes, restoreBytes } = fleet;
  return html`<div class="card tile">
    <h2>Stored</h2>
    ${
      storedBytes === 0
        ? html`<div class="stat">unknown</div>
            <div class="foot">Repositories are measured after a backup</div>`
        : html`<div class="stat">${sizeText(storedBytes)}<small>${ratioText(restoreBytes, storedBytes)}</small></div>
            <div class="seg" aria-hidden="true">
              <i class="b-run" style=${{ flexGrow: storedBytes }}></i>
              <i class="b-new" style=${{ flexGrow: Math.max(0, restoreBytes - storedBytes) }}></i>
            </div>
            <div class="foot">${sizeText(restoreBytes)} before deduplication</div>`
    }
  </div>`;
}

function NextRuns() {
  const runs = useComputed(() => nextRuns(settledHosts.value, now.value, RUNS_SHOWN)).value;
  return html`<div class="card tile wide">
    <h2>Next runs</h2>
    ${
      runs.length === 0
        ? html`<p class="fs13 dim">No backup is planned. Give a host a schedule, and it runs by itself.</p>`
        : html`<ul class="stack runs fs13">
            ${runs.map(
              (run) =>
                html`<li class="row between" key=${run.atMs}>
                  <span class="row"
                    ><span class="semi">${clockMinuteText(run.atMs)}</span>
                    ${run.hosts === 1 ? html`<span class="mono clip">${literal(run.name)}</span>` : html`<span class="dim">${countOf(run.hosts, "host")}</span>`}</span
                  ><span class="faint fs12 nowrap"><${Ago} at=${run.atMs} /></span>
                </li>`,
            )}
          </ul>`
    }
  </div>`;
}

function LastDay({ hours }: { hours: FleetSummary["hours"] }) {
  const succeeded = hours.reduce((sum, hour) => sum + hour.succeeded, 0);
  const failed = hours.reduce((sum, hour) => sum + hour.failed, 0);
  const all = succeeded + failed;
  const most = Math.max(1, ...hours.map((hour) => hour.succeeded + hour.failed));
  return html`<div class="card tile">
    <h2>Last 24 hours</h2>
    <div class="stat">${all === 0 ? "none" : html`${shareText(succeeded, all)}<small>succeeded</small>`}</div>
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
      ${all === 0 ? "No backup ended" : countOf(all, "backup")}${failed > 0 ? html`, <a class="t-bad" href="/jobs?state=failed">${countText(failed)} failed</a>` : null}
    </div>
  </div>`;
}
