import { useMemo } from "preact/hooks";
import { html } from "./html.ts";

const WIDTH = 150;
const HEIGHT = 18;

/** A line of the last values on its own scale; the number beside it is the value, so it is hidden from assistive tech. */
export function sparkLine(values: readonly number[]) {
  if (values.length < 2) return null;
  const most = Math.max(...values, 1);
  const line = pathOf(values, { width: WIDTH, top: 2, bottom: HEIGHT - 1, least: 0, most });
  return html`<svg
    class="chart spark-wide"
    viewBox=${`0 0 ${WIDTH} ${HEIGHT}`}
    aria-hidden="true"
    preserveAspectRatio="none"
  >
    <path class="a" d=${`${line}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z`} />
    <path class="l" d=${line} />
  </svg>`;
}

/** A host's sizes of the last weeks: small, its own scale from least to most, the present one marked. */
export function WeekSpark({ values }: { values: readonly number[] }) {
  return useMemo(() => {
    if (values.length < 2) return html`<svg class="spark" aria-hidden="true"></svg>`;
    const least = Math.min(...values);
    const most = Math.max(...values);
    const scale = { width: 64, top: 3, bottom: 19, least, most };
    const line = pathOf(values, scale);
    return html`<svg class="spark" viewBox="0 0 64 22" aria-hidden="true">
      <path class="a" d=${`${line}L64 22L0 22Z`} />
      <path class="l" d=${line} />
      <circle cx="64" cy=${yOf(values.at(-1)!, scale).toFixed(1)} r="2" />
    </svg>`;
  }, [values.join()]);
}

interface Scale {
  width: number;
  top: number;
  bottom: number;
  least: number;
  most: number;
}

function pathOf(values: readonly number[], scale: Scale): string {
  const points = values.map((value, i) => {
    const x = (i / (values.length - 1)) * scale.width;
    return `${x.toFixed(1)} ${yOf(value, scale).toFixed(1)}`;
  });
  return `M${points.join("L")}`;
}

/** A flat line is drawn in the middle. */
function yOf(value: number, { top, bottom, least, most }: Scale): number {
  const share = most === least ? 0.5 : (value - least) / (most - least);
  return bottom - share * (bottom - top);
}
