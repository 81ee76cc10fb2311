import { expect, test } from "vitest";
import { decideEta, etaText, roundEtaMs } from "./eta.ts";

test("there is no estimate in the first ten seconds nor without one from restic", () => {
  expect(decideEta({ runningMs: 9_999, etaMs: 60_000, shownMs: null })).toBeNull();
  expect(decideEta({ runningMs: 60_000, etaMs: undefined, shownMs: 60_000 })).toBeNull();
  expect(etaText(null)).toBe("Estimating");
});

test("estimates round to 10 s, 1 min and 5 min", () => {
  expect([3_000, 34_000, 6.4 * 60_000, 52 * 60_000].map(roundEtaMs)).toEqual([10_000, 30_000, 360_000, 3_000_000]);
  expect(etaText(360_000)).toBe("About 6 min left");
});

test("an estimate falls freely and rises only by a fifth or more", () => {
  const next = (etaMs: number) => decideEta({ runningMs: 60_000, etaMs, shownMs: 600_000 });
  expect(next(540_000)).toBe(540_000);
  expect(next(660_000)).toBe(600_000);
  expect(next(720_000)).toBe(720_000);
});
