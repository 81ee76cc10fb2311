import { expect, test } from "vitest";
import { durationText, relativeText, whenText } from "./time.ts";

const now = new Date(2026, 10, 23, 13, 42, 8).getTime();
const min = 60_000;
const hour = 60 * min;
const day = 24 * hour;

test("times are relative up to seven days, then a date, with the year when it is another", () => {
  const ago = (ms: number) => relativeText(now - ms, now);
  expect([2000, 20_000, 42 * min, 26 * hour, 47 * hour, 2 * day, 7 * day].map(ago)).toEqual([
    "just now",
    "20 s ago",
    "42 min ago",
    "26 h ago",
    "47 h ago",
    "2 d ago",
    "7 d ago",
  ]);
  expect(ago(9 * day)).toBe("14 Nov");
  expect(ago(400 * day)).toBe("19 Oct 2025");
  expect(relativeText(now + 5 * hour, now)).toBe("in 5 h");
});

test("durations drop the second unit when it no longer matters", () => {
  expect([0, 38_400, 128_000, 31 * min + 5000, 64 * min, 3 * hour, 51 * hour].map(durationText)).toEqual([
    "0 s",
    "38 s",
    "2 min 8 s",
    "31 min",
    "1 h 4 min",
    "3 h",
    "2 d 3 h",
  ]);
});

test("a time near now is a place in the week", () => {
  expect([18 * min, 13 * hour, 3 * day, 8 * day, -20 * hour].map((ms) => whenText(now + ms, now))).toEqual([
    "14:00",
    "tomorrow 02:42",
    "Thu 13:42",
    "1 Dec 13:42",
    "yesterday 17:42",
  ]);
});
