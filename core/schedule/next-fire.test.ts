import { expect, test } from "vitest";
import { nextFire, nextFires } from "./next-fire.ts";

const after = (text: string) => Date.parse(text);
function fires(cron: string, timeZone: string, from: string, count: number): string[] {
  return nextFires({ cron, timeZone }, after(from), count).map((at) => new Date(at).toISOString().slice(0, 16));
}

test("a fixed time that a gap leaves out fires at the first instant after it, once", () => {
  // Berlin, 29 March 2026: 02:00 becomes 03:00 at 01:00 UTC.
  expect(fires("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00Z", 3)).toEqual([
    "2026-03-28T01:30",
    "2026-03-29T01:00",
    "2026-03-30T00:30",
  ]);
  expect(fires("0,20,40 2,3 29 3 *", "Europe/Berlin", "2026-03-28T00:00Z", 4)).toEqual([
    "2026-03-29T01:00",
    "2026-03-29T01:20",
    "2026-03-29T01:40",
    "2027-03-29T00:00",
  ]);
});

test("a fixed time that comes twice fires the first time", () => {
  // Berlin, 25 October 2026: 03:00 becomes 02:00 at 01:00 UTC.
  expect(fires("30 2 * * *", "Europe/Berlin", "2026-10-24T00:00Z", 3)).toEqual([
    "2026-10-24T00:30",
    "2026-10-25T00:30",
    "2026-10-26T01:30",
  ]);
});

test("a cron of every so many hours follows real time through both", () => {
  expect(fires("30 * * * *", "Europe/Berlin", "2026-10-24T23:00Z", 4)).toEqual([
    "2026-10-24T23:30",
    "2026-10-25T00:30",
    "2026-10-25T01:30",
    "2026-10-25T02:30",
  ]);
  expect(fires("30 */2 * * *", "Europe/Berlin", "2026-03-28T23:00Z", 3)).toEqual([
    "2026-03-28T23:30",
    "2026-03-29T02:30",
    "2026-03-29T04:30",
  ]);
});

test("half an hour of Lord Howe, two hours of Troll and the day that Samoa left out are changes like any other", () => {
  expect(fires("15 2 * * *", "Australia/Lord_Howe", "2026-10-02T16:00Z", 2)).toEqual([
    "2026-10-03T15:30",
    "2026-10-04T15:15",
  ]);
  expect(fires("30 1,2 * * *", "Antarctica/Troll", "2026-03-28T03:00Z", 2)).toEqual([
    "2026-03-29T01:00",
    "2026-03-29T23:30",
  ]);
  // 29 December 2011 was followed by 31 December.
  expect(fires("0 6 * * *", "Pacific/Apia", "2011-12-29T00:00Z", 3)).toEqual([
    "2011-12-29T16:00",
    "2011-12-30T10:00",
    "2011-12-30T16:00",
  ]);
});

test("a day that comes twice fires once, also when its second pass ends on another UTC day", () => {
  // Kwajalein crossed the date line eastwards: 30 September 1969 came twice.
  expect(fires("30 20 * * *", "Pacific/Kwajalein", "1969-09-30T00:00Z", 2)).toEqual([
    "1969-09-30T09:30",
    "1969-10-02T08:30",
  ]);
});

test("a midnight that does not exist fires at one o'clock", () => {
  // Beirut, 29 March 2026: 00:00 becomes 01:00.
  expect(fires("0 0 * * *", "Asia/Beirut", "2026-03-28T12:00Z", 2)).toEqual(["2026-03-28T22:00", "2026-03-29T21:00"]);
});

test("29 February comes every four years, and not in 2100", () => {
  expect(fires("0 0 29 2 *", "UTC", "2092-03-01T00:00Z", 3)).toEqual([
    "2096-02-29T00:00",
    "2104-02-29T00:00",
    "2108-02-29T00:00",
  ]);
});

test("the next fire is later than the instant it is asked for, also by a fraction", () => {
  const timing = { cron: "0 12 * * *", timeZone: "UTC" };
  const noon = after("2026-05-01T12:00Z");
  expect(nextFire(timing, noon - 0.5)).toBe(noon);
  expect(nextFire(timing, noon)).toBe(noon + 24 * 3600_000);
  expect(nextFire(timing, noon - 1)).toBe(noon);
});
