import fc from "fast-check";
import { expect, test } from "vitest";
import { spreadMs } from "./spread.ts";

test("each schedule has its own moment for good, in whole seconds within the minutes given", () => {
  expect(spreadMs("01890a5d-ac96-774b-bcce-b302099a8057", 60)).toBe(
    spreadMs("01890a5d-ac96-774b-bcce-b302099a8057", 60),
  );
  expect(spreadMs("01890a5d-ac96-774b-bcce-b302099a8057", 0)).toBe(0);
  fc.assert(
    fc.property(fc.uuid(), fc.integer({ min: 0, max: 1440 }), (id, minutes) => {
      const moment = spreadMs(id, minutes);
      expect(moment % 1000).toBe(0);
      expect(moment).toBeGreaterThanOrEqual(0);
      expect(moment).toBeLessThanOrEqual(minutes * 60_000);
    }),
  );
});

test("a fleet whose ids follow one another is spread evenly", () => {
  const perMinute = Array.from({ length: 10 }, () => 0);
  for (let n = 0; n < 10_000; n++) {
    const id = `01890a5d-ac96-774b-bcce-${n.toString(16).padStart(12, "0")}`;
    perMinute[Math.min(9, Math.floor(spreadMs(id, 10) / 60_000))]!++;
  }
  for (const count of perMinute) {
    expect(count).toBeGreaterThan(850);
    expect(count).toBeLessThan(1150);
  }
});
