import { expect, test } from "vitest";
import { PROTECTED_FOR_MS } from "../../protocol/limits.ts";
import { hostStatus, SEVERITY, STATUS_OF_SEVERITY } from "./status.ts";

const now = 1_800_000_000_000;
const good = { online: true, lastBackupOutcome: "succeeded", lastGoodBackupAtMs: now - 1000 } as const;

test("a host is protected for seven days after its last good backup, to the millisecond", () => {
  expect(hostStatus(good, now)).toBe("protected");
  expect(hostStatus({ ...good, lastGoodBackupAtMs: now - PROTECTED_FOR_MS + 1 }, now)).toBe("protected");
  expect(hostStatus({ ...good, lastGoodBackupAtMs: now - PROTECTED_FOR_MS }, now)).toBe("late");
});

test("a failed backup is the worst word, also when an older one still protects", () => {
  expect(hostStatus({ ...good, lastBackupOutcome: "failed" }, now)).toBe("failing");
});

test("a cancelled backup neither protects nor accuses", () => {
  expect(hostStatus({ ...good, lastBackupOutcome: "cancelled" }, now)).toBe("protected");
  expect(hostStatus({ online: true, lastBackupOutcome: "cancelled", lastGoodBackupAtMs: null }, now)).toBe("new");
});

test("an offline host with an in-time backup is offline, not at risk", () => {
  expect(hostStatus({ ...good, online: false }, now)).toBe("offline");
  expect(hostStatus({ ...good, online: false, lastBackupOutcome: "failed" }, now)).toBe("failing");
});

test("a host that was never backed up is new while it is online", () => {
  expect(hostStatus({ online: true, lastBackupOutcome: null, lastGoodBackupAtMs: null }, now)).toBe("new");
});

test("ranks and words are one table", () => {
  for (const [rank, status] of STATUS_OF_SEVERITY.entries()) expect(SEVERITY[status]).toBe(rank);
});
