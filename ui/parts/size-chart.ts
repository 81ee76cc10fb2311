import { useState } from "preact/hooks";
import { api } from "../net/endpoints.ts";
import { now } from "../state/clock.ts";
import { CHART, sizeChart, type SizeChart } from "../state/size-chart.ts";
import { sizeChangeText, sizeText } from "../words/size.ts";
import { utcDateText } from "./day-bars.ts";
import { html } from "./html.ts";
import { icon } from "./icon.ts";
import { loaded, skeletonLines, useKeptLoad } from "./load.ts";

const RANGES = [
  [30, "30 d"],
  [90, "90 d"],
  [365, "1 y"],
] as const;

/** How a host's data grew: what its repository holds where that was measured, else what was backed up. */
export function SizeHistory({ hostId, moved }: { hostId: string; moved: string }) {
  const [days, setDays] = useState<number>(90);
  const history = useKeptLoad(`${hostId} ${days} ${moved}`, () => api.days(hostId, days));
  return html`<section class="card" aria-labelledby="size-history">
    <div class="chead">
      <h2 id="size-history">Repository size</h2>
      <span class="btnset" role="group" aria-label="Range">
        ${RANGES.map(
          ([range, word]) =>
            html`<button type="button" class="btn sm" aria-pressed=${range === days} onClick=${() => setDays(range)}>
              ${word}
            </button>`,
        )}
      </span>
    </div>
    ${loaded(
      history,
      (page) => {
        const chart = sizeChart(page.items, days, now.value);
        if (!chart)
          return html`<div class="empty">
            ${icon("gauge")}
            <h2>Not enough history yet</h2>
            <p class="fs13">Sizes are kept per day. The line begins with the second day.</p>
          </div>`;
        const change = `${sizeChangeText(chart.lastBytes - chart.firstBytes)} in ${days === 365 ? "a year" : `${days} days`}`;
        const isStored = page.items.some((day) => day.storedBytes !== undefined);
        return html`${drawn(chart, days)}
          <div class="cfoot">
            <span>${isStored ? "Stored after deduplication. Drops are prunes." : "Size of what was backed up."}</span>
            <span>${change}</span>
          </div>`;
      },
      skeletonLines(5),
    )}
  </section>`;
}

function drawn(chart: SizeChart, days: number) {
  const line = `M${chart.points.map((point) => `${point.x.toFixed(1)} ${point.y.toFixed(1)}`).join("L")}`;
  const first = chart.points[0]!;
  const last = chart.points.at(-1)!;
  const said = `Size over ${days} days, from ${sizeText(chart.firstBytes)} to ${sizeText(chart.lastBytes)}`;
  return html`<div class="pad tblwrap" tabindex="0" role="group" aria-label="Size chart">
    <svg class="chart size" viewBox=${`0 0 ${CHART.width} ${CHART.height}`} role="img" aria-label=${said}>
      ${chart.grid.map(
        (mark) =>
          html`<path class="g" d=${`M${CHART.left} ${mark.y.toFixed(1)}H${CHART.right}`} />
            <text x=${CHART.left - 8} y=${(mark.y + 4).toFixed(1)} text-anchor="end">${sizeText(mark.bytes)}</text>`,
      )}
      <path class="a" d=${`${line}L${last.x.toFixed(1)} ${CHART.bottom}L${first.x.toFixed(1)} ${CHART.bottom}Z`} />
      <path class="l" d=${line} />
      <circle cx=${last.x.toFixed(1)} cy=${last.y.toFixed(1)} r="3" />
      ${chart.axis.map((mark) => html`<text x=${mark.x.toFixed(1)} y=${CHART.height - 6}>${utcDateText(mark.dayMs, now.value)}</text>`)}
      <text x=${CHART.right} y=${CHART.height - 6} text-anchor="end">Today</text>
    </svg>
  </div>`;
}
