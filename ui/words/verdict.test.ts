import { expect, test } from "vitest";
import { fleetVerdict } from "./verdict.ts";

const fleet = { total: 16, protected: 13, atRisk: 2, offline: 1, new: 0, storedBytes: 0, restoreBytes: 0, hours: [] };

test("risk comes first, then what is fine", () => {
  expect(fleetVerdict(fleet)).toEqual({
    title: "2 of 16 hosts are at risk",
    line: "13 are protected, 1 is offline.",
  });
});

test("a fleet without risk says what holds", () => {
  expect(fleetVerdict({ ...fleet, protected: 16, atRisk: 0, offline: 0 }).title).toBe("All 16 hosts are protected");
  expect(fleetVerdict({ ...fleet, protected: 15, atRisk: 0 }).title).toBe("No host is at risk");
  expect(fleetVerdict({ ...fleet, total: 1, protected: 0, atRisk: 0, offline: 0, new: 1 })).toEqual({
    title: "No host has been backed up yet",
    line: "Run a first backup, or give a host a schedule.",
  });
});

test("an empty fleet says so and what to do", () => {
  expect(fleetVerdict({ ...fleet, total: 0, protected: 0, atRisk: 0, offline: 0 }).title).toBe(
    "Nothing is backed up yet",
  );
});
