const OVERSCAN = 10;
const STEP = 5;

/**
 * Rows [from, to) to draw when the table's top is `topPx` above the window's: what is visible and 10 more on each
 * side, in steps of 5, so that a small scroll draws nothing.
 */
export function visibleRange(at: { rows: number; rowPx: number; topPx: number; windowPx: number }): {
  from: number;
  to: number;
} {
  const first = Math.floor(at.topPx / at.rowPx) - OVERSCAN;
  const last = Math.ceil((at.topPx + at.windowPx) / at.rowPx) + OVERSCAN;
  const from = Math.max(0, Math.min(Math.floor(first / STEP) * STEP, at.rows));
  return { from, to: Math.max(from, Math.min(Math.ceil(last / STEP) * STEP, at.rows)) };
}
