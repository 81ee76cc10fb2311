import { expect, test } from "vitest";
import { announceWaitMs } from "./announce-limits.ts";

test("the eleventh announcement within a minute waits for the end of that minute", () => {
  expect(announceWaitMs(null, 5000)).toBe(0);
  expect(announceWaitMs({ startedAtMs: 5000, count: 9 }, 6000)).toBe(0);
  expect(announceWaitMs({ startedAtMs: 5000, count: 10 }, 6000)).toBe(59_000);
  expect(announceWaitMs({ startedAtMs: 5000, count: 10 }, 64_999)).toBe(1);
  expect(announceWaitMs({ startedAtMs: 5000, count: 10 }, 65_000)).toBe(0);
});

test("a clock that was set back holds an address up for a minute at most", () => {
  expect(announceWaitMs({ startedAtMs: 9e12, count: 10 }, 5000)).toBe(60_000);
});
