import { expect, test } from "vitest";
import type { ClaimantResource } from "../../protocol/claimants.ts";
import { claimantName, factRows } from "./claimant-facts.ts";

const claimant = (more: Partial<ClaimantResource>): ClaimantResource => ({
  no: 1,
  standing: "open",
  held: false,
  alike: false,
  join: 7,
  facts: { hostname: "oak", machineId: "0123456789abcdef" },
  agentVersion: "0.1.0",
  address: "192.0.2.1",
  firstSeenAtMs: 0,
  lastSeenAtMs: 0,
  ...more,
});

test("what differs is told apart from what is the same, and what nobody told is left out", () => {
  const rows = factRows([
    claimant({}),
    claimant({ join: 9, facts: { hostname: "oak", machineId: "0123456789abcdef", network: "fedcba9876543210" } }),
  ]);
  expect(rows).toEqual({
    differ: [
      { word: "Network card", values: ["", "fedcba98"] },
      { word: "Connections", values: ["7", "9"] },
    ],
    same: [
      { word: "Host name", values: ["oak", "oak"] },
      { word: "Address", values: ["192.0.2.1", "192.0.2.1"] },
      { word: "Machine id", values: ["01234567", "01234567"] },
      { word: "Agent", values: ["0.1.0", "0.1.0"] },
    ],
  });
});

test("of a single claimant everything is shown, and it has a name though it told none", () => {
  expect(factRows([claimant({})]).same).toEqual([]);
  expect(claimantName(claimant({ facts: {} }))).toBe("192.0.2.1");
  expect(claimantName(claimant({ facts: {}, address: "", no: 4 }))).toBe("machine 4");
});
