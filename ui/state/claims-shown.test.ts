import { expect, test } from "vitest";
import type { ClaimantResource } from "../../protocol/claimants.ts";
import { claimsShown } from "./claims-shown.ts";

const HOUR_MS = 3600_000;
const claimant = (standing: ClaimantResource["standing"], lastSeenAtMs: number): ClaimantResource => ({
  no: lastSeenAtMs,
  standing,
  held: false,
  alike: false,
  join: 1,
  facts: {},
  agentVersion: "",
  address: "",
  firstSeenAtMs: 0,
  lastSeenAtMs,
});

test("the machines are shown while the host is locked and for a day after, and a host that never was shows none", () => {
  expect(claimsShown({ locked: false, claimants: [] }, HOUR_MS)).toEqual({ panel: false, knocking: false });
  const claimants = [claimant("refused", HOUR_MS), claimant("chosen", 2 * HOUR_MS)];
  expect(claimsShown({ locked: true, claimants }, 100 * HOUR_MS).panel).toBe(true);
  expect(claimsShown({ locked: false, claimants }, 25 * HOUR_MS).panel).toBe(true);
  expect(claimsShown({ locked: false, claimants }, 27 * HOUR_MS).panel).toBe(false);
});

test("only who has tried since the chosen one came is a copy that still runs: not the older state of one machine", () => {
  const shown = (refusedAtMs: number, nowMs: number) =>
    claimsShown(
      { locked: false, claimants: [claimant("refused", refusedAtMs), claimant("chosen", 2 * HOUR_MS)] },
      nowMs,
    );
  expect(shown(HOUR_MS, 3 * HOUR_MS).knocking).toBe(false);
  expect(shown(3 * HOUR_MS, 4 * HOUR_MS).knocking).toBe(true);
  expect(shown(3 * HOUR_MS, 40 * HOUR_MS).knocking).toBe(false);
});
