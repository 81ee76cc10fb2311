import { DAY_MS } from "../schedule/day.ts";
import { expect, test } from "vitest";
import { dayLetters, weeklySizes, type KnownDay } from "./days.ts";

const TODAY = 20_000;
const known = (ago: number, outcome: number, sizeBytes: number | null = null): KnownDay => ({
  day: TODAY - ago,
  outcome,
  sizeBytes,
});

test("days carry their worst outcome, and a planned day without a backup is missed once it is over", () => {
  const plannedSince = (TODAY - 5) * DAY_MS + 1;
  const letters = dayLetters([known(6, 1), known(4, 2), known(2, 3), known(40, 1)], plannedSince, TODAY);
  expect(letters).toBe(`${"n".repeat(23)}snwmfmn`);
});

test("without a plan no day is missed", () => {
  expect(dayLetters([known(1, 1)], null, TODAY)).toBe(`${"n".repeat(28)}sn`);
});

test("a week shows its last known size, and one without a backup that of the week before", () => {
  expect(
    weeklySizes([known(15, 1, 10), known(16, 1, 99), known(20, 1, 9), known(0, 1, 30), known(100, 1, 1)], TODAY),
  ).toEqual([10, 10, 30]);
  expect(weeklySizes([known(0, 3)], TODAY)).toEqual([]);
  expect(
    weeklySizes(
      Array.from({ length: 84 }, (_, ago) => known(ago, 1, 84 - ago)),
      TODAY,
    ),
  ).toHaveLength(12);
});
