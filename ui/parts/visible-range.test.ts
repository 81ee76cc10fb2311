import fc from "fast-check";
import { expect, test } from "vitest";
import { visibleRange } from "./visible-range.ts";

test("every visible row is drawn, and never more than the window with its margins", () => {
  fc.assert(
    fc.property(
      fc.record({
        rows: fc.integer({ min: 0, max: 10_000 }),
        rowPx: fc.integer({ min: 40, max: 120 }),
        topPx: fc.integer({ min: -2000, max: 600_000 }),
        windowPx: fc.integer({ min: 300, max: 2000 }),
      }),
      (at) => {
        const { from, to } = visibleRange(at);
        for (let y = Math.max(0, at.topPx); y < at.topPx + at.windowPx && y < at.rows * at.rowPx; y += at.rowPx) {
          const row = Math.floor(y / at.rowPx);
          expect(row >= from && row < to).toBe(true);
        }
        expect(to - from).toBeLessThanOrEqual(Math.ceil(at.windowPx / at.rowPx) + 32);
        expect(from >= 0 && to <= at.rows).toBe(true);
      },
    ),
  );
});
