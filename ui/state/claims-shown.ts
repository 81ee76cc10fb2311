import type { HostDetail } from "../../protocol/api.ts";

const DAY_MS = 24 * 3600_000;

/**
 * What a host's page shows of the machines that claim it. `panel`: all of them, while the host is locked and for a day
 * after, so that a wrong choice can be put right. `knocking`: one that was refused has tried again since the chosen one
 * came, and within a day: a copy that still runs.
 */
export function claimsShown(
  { locked, claimants }: Pick<HostDetail, "locked" | "claimants">,
  nowMs: number,
): { panel: boolean; knocking: boolean } {
  const recent = claimants.filter(({ lastSeenAtMs }) => lastSeenAtMs > nowMs - DAY_MS);
  const cameAtMs = claimants.find(({ standing }) => standing === "chosen")?.lastSeenAtMs ?? nowMs;
  return {
    panel: claimants.length > 0 && (locked || recent.length > 0),
    knocking: !locked && recent.some(({ standing, lastSeenAtMs }) => standing === "refused" && lastSeenAtMs > cameAtMs),
  };
}
