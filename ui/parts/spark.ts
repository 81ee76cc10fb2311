import { html } from "./html.ts";

const WIDTH = 150;
const HEIGHT = 18;

/** A line of the last values on its own scale; the number beside it is the value, so it is hidden from assistive tech. */
export function sparkLine(values: readonly number[]) {
  if (values.length < 2) return null;
  const most = Math.max(...values, 1);
  const points = values.map((value, i) => {
    const x = (i / (values.length - 1)) * WIDTH;
    const y = HEIGHT - 1 - (value / most) * (HEIGHT - 3);
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  });
  const line = `M${points.join("L")}`;
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
