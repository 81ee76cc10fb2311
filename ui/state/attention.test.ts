import { expect, test } from "vitest";
import type { HostResource, HostStatus, JobResource } from "../../protocol/api.ts";
import { concerns } from "./attention.ts";
import { nextRuns } from "./next-runs.ts";

const host = (name: string, status: HostStatus, more: Partial<HostResource> = {}): HostResource => ({
  id: name,
  name,
  hostname: name,
  tags: [],
  status,
  online: true,
  locked: false,
  os: "linux",
  arch: "x64",
  agentVersion: "0.1.0",
  resticVersion: "0.18.0",
  createdAtMs: 0,
  checkFailed: false,
  snapshotCount: 0,
  days: "n".repeat(30),
  weeklySizes: [],
  ...more,
});
const held: JobResource = {
  id: "j",
  hostId: "db-01",
  hostName: "db-01",
  kind: "forget",
  state: "held",
  source: "schedule",
  missed: 0,
  createdAtMs: 5,
  warnings: 0,
};

test("what is locked comes first, then what failed, then held plans, then what is late", () => {
  const fleet = [
    host("fine", "protected"),
    host("twice", "offline", { locked: true }),
    host("late", "late"),
    host("broken", "failing", { checkFailed: true, lastBackupOutcome: "succeeded" }),
    host("failing", "failing", { lastBackupOutcome: "failed" }),
  ];
  expect(concerns(fleet, [held]).map((concern) => concern.kind)).toEqual([
    "locked",
    "failing",
    "check-failed",
    "held",
    "late",
  ]);
});

test("the host longest without a good backup comes first", () => {
  const fleet = [host("a", "late", { lastGoodBackupAtMs: 9 }), host("b", "late", { lastGoodBackupAtMs: 3 })];
  expect(concerns(fleet, []).map((concern) => concern.kind !== "held" && concern.host.name)).toEqual(["b", "a"]);
});

test("hosts due in one minute are one line of the next runs", () => {
  const at = (minute: number) => ({ nextDueAtMs: minute * 60_000 + 500 });
  const fleet = [host("b", "protected", at(9)), host("a", "protected", at(9)), host("c", "protected", at(7))];
  const past = host("d", "late", at(1));
  expect(nextRuns([...fleet, past, host("e", "new")], 2 * 60_000, 4)).toEqual([
    { atMs: 7 * 60_000 + 500, hosts: 1, name: "c" },
    { atMs: 9 * 60_000 + 500, hosts: 2, name: "a" },
  ]);
});
