import { expect, test } from "vitest";
import { daysSummary, daysVerdict } from "./days.ts";

test("thirty days are told as counts, without what did not happen", () => {
  expect(daysSummary(`${"s".repeat(26)}wwff`)).toBe("Last 30 days: 26 succeeded, 2 with warnings, 2 failed");
  expect(daysSummary("n".repeat(30))).toBe("Last 30 days: no backup");
});

test("days without a plan are neither clean nor missed", () => {
  expect(daysVerdict(`n${"s".repeat(28)}w`)).toBe("28 of 29 clean, 1 with warnings");
  expect(daysVerdict("n".repeat(30))).toBe("");
});
