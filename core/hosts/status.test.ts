import { expect, test } from "vitest";
import { PROTECTED_FOR_MS } from "../../protocol/limits.ts";
import { hostStatus, protectedUntilMs, SEVERITY, STATUS_OF_SEVERITY } from "./status.ts";

const now = 1_800_000_000_000;
const good = {
  online: true,
  lastBackupOutcome: "succeeded",
  lastGoodBackupAtMs: now - 1000,
  checkFailed: false,
  protectedUntilMs: now + 1000,
} as const;
const fresh = { ...good, lastBackupOutcome: null, lastGoodBackupAtMs: null } as const;

test("a host is protected until its next backup is late, to the millisecond", () => {
  expect(hostStatus(good, now)).toBe("protected");
  expect(hostStatus({ ...good, protectedUntilMs: now + 1 }, now)).toBe("protected");
  expect(hostStatus({ ...good, protectedUntilMs: now }, now)).toBe("late");
});

test("without a cron a good backup protects for seven days, and none protects not at all", () => {
  expect(protectedUntilMs(now)).toBe(now + PROTECTED_FOR_MS);
  expect(protectedUntilMs(null)).toBeNull();
});

test("a failed backup is the worst word, also when an older one still protects", () => {
  expect(hostStatus({ ...good, lastBackupOutcome: "failed" }, now)).toBe("failing");
});

test("a failed check makes a host failing, however fresh its backups are", () => {
  expect(hostStatus({ ...good, checkFailed: true }, now)).toBe("failing");
});

test("a cancelled backup neither protects nor accuses", () => {
  expect(hostStatus({ ...good, lastBackupOutcome: "cancelled" }, now)).toBe("protected");
  expect(hostStatus({ ...fresh, lastBackupOutcome: "cancelled" }, now)).toBe("new");
});

test("an offline host with an in-time backup is offline, not at risk", () => {
  expect(hostStatus({ ...good, online: false }, now)).toBe("offline");
  expect(hostStatus({ ...good, online: false, lastBackupOutcome: "failed" }, now)).toBe("failing");
});

test("a host that was never backed up is new while it is online, until its first backup is late", () => {
  expect(hostStatus(fresh, now)).toBe("new");
  expect(hostStatus({ ...fresh, protectedUntilMs: null }, now)).toBe("new");
  expect(hostStatus({ ...fresh, protectedUntilMs: now }, now)).toBe("late");
});

test("ranks and words are one table", () => {
  for (const [rank, status] of STATUS_OF_SEVERITY.entries()) expect(SEVERITY[status]).toBe(rank);
});
