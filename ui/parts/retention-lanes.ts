import type { RetentionPlan } from "../../protocol/schedule.ts";
import { now } from "../state/clock.ts";
import { AXIS, lanesOf } from "../state/retention-lanes.ts";
import { countOf, countText } from "../words/size.ts";
import { html } from "./html.ts";

const ROW_PX = 26;

/** Which snapshots stay by which rule, and which go, on one compressed time axis. */
export function RetentionLanes({ plan }: { plan: RetentionPlan }) {
  const { lanes, dropped, ticks } = lanesOf(plan, now.peek());
  const rows = lanes.length + (dropped.length > 0 ? 1 : 0);
  const height = rows * ROW_PX + 24;
  const middle = (row: number) => 16 + row * ROW_PX;
  return html`<div class="tblwrap" tabindex="0" role="group" aria-label="Retention preview">
    <svg
      class="chart lanes"
      viewBox=${`0 0 740 ${height}`}
      role="img"
      aria-label=${`Retention preview: keeps ${countOf(plan.kept.length, "snapshot")}, drops ${countText(plan.removed.length)}`}
    >
      ${lanes.map(
        (lane, row) =>
          html`<text x="0" y=${middle(row) + 4}>${lane.name}</text>
            <path class="g" d=${`M${AXIS.left} ${middle(row)}H${AXIS.right}`} />
            ${lane.dots.map((dot) => html`<circle class=${dot.odd ? "odd" : undefined} cx=${dot.x} cy=${middle(row)} r="4.5" />`)}
            <text x="740" y=${middle(row) + 4} text-anchor="end">${countText(lane.count)}</text>`,
      )}
      ${
        dropped.length === 0
          ? null
          : html`<text x="0" y=${middle(lanes.length) + 4}>Dropped</text>
              <path class="p-drop" d=${dropped.map((x) => `M${x} ${middle(lanes.length) - 4}v8`).join("")} />
              <text x="740" y=${middle(lanes.length) + 4} text-anchor="end">${countText(plan.removed.length)}</text>`
      }
      ${ticks.map(({ x, word }) => html`<text x=${x} y=${height - 6} text-anchor="middle">${word}</text>`)}
    </svg>
  </div>`;
}
