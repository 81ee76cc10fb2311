import { expect, test } from "vitest";
import { keepInWords } from "./words.ts";

test("a policy reads as a list of its rules", () => {
  expect(keepInWords({ daily: 7, weekly: 5, monthly: 12 })).toBe("7 daily, 5 weekly, 12 monthly");
  expect(keepInWords({ last: 3, hourly: 24, yearly: 2 })).toBe("last 3, 24 hourly, 2 yearly");
});

test("within and tags are said in full", () => {
  expect(keepInWords({ within: "1y6m", tags: ["legal", "release"] })).toBe(
    "all within 1 year 6 months, tagged legal or release",
  );
  expect(keepInWords({ within: "2d1h", tags: [] })).toBe("all within 2 days 1 hour");
});
