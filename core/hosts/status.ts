import type { HostStatus } from "../../protocol/api.ts";
import { PROTECTED_FOR_MS } from "../../protocol/limits.ts";

/** What decides a host's word (DESIGN section 3). Times are ms UTC. */
export interface HostFacts {
  online: boolean;
  lastBackupOutcome: "succeeded" | "warnings" | "failed" | "cancelled" | null;
  lastGoodBackupAtMs: number | null;
  /** The latest check of any of its repositories failed. */
  checkFailed: boolean;
  /** `hostDue` of core/schedule/late.ts, or `protectedUntilMs` for a host without a cron; null = nothing is due. */
  protectedUntilMs: number | null;
}

/**
 * When the protection of a host without a cron schedule ends: 7 days after its last good backup. A backup that could
 * not read some files still made a snapshot, so it protects; `hostStatus` says "warnings" all the same.
 */
export function protectedUntilMs(lastGoodBackupAtMs: number | null): number | null {
  return lastGoodBackupAtMs === null ? null : lastGoodBackupAtMs + PROTECTED_FOR_MS;
}

/** A host's worst word. Offline with an in-time backup counts as offline, not at risk. */
export function hostStatus(facts: HostFacts, nowMs: number): HostStatus {
  if (facts.lastBackupOutcome === "failed" || facts.checkFailed) return "failing";
  if (facts.protectedUntilMs !== null && facts.protectedUntilMs <= nowMs) return "late";
  if (facts.lastBackupOutcome === "warnings") return "warnings";
  if (!facts.online) return "offline";
  return facts.lastGoodBackupAtMs === null ? "new" : "protected";
}

/** The rank by which hosts are listed, worst first; stored in hosts.severity. */
export const SEVERITY: Record<HostStatus, number> = {
  failing: 0,
  late: 1,
  warnings: 2,
  offline: 3,
  new: 4,
  protected: 5,
};
export const STATUS_OF_SEVERITY: readonly HostStatus[] = ["failing", "late", "warnings", "offline", "new", "protected"];
export const AT_RISK: ReadonlySet<HostStatus> = new Set(["failing", "late", "warnings"]);
