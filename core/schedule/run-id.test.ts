import { expect, test } from "vitest";
import { forgetJobId, runJobId } from "./run-id.ts";

test("one fire of a schedule has one id, and any other host, schedule or time has another", () => {
  const id = runJobId("host-a", "schedule-a", 1_700_000_000_000);
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(runJobId("host-a", "schedule-a", 1_700_000_000_000)).toBe(id);
  expect(runJobId("host-b", "schedule-a", 1_700_000_000_000)).not.toBe(id);
  expect(runJobId("host-a", "schedule-b", 1_700_000_000_000)).not.toBe(id);
  expect(runJobId("host-a", "schedule-a", 1_700_000_060_000)).not.toBe(id);
  expect(forgetJobId("host-a", "schedule-a", 1_700_000_000_000)).not.toBe(id);
});
