import type { HoldReason } from "../../protocol/schedule.ts";

/** Why the guard holds a plan, as sentences. */
export const HOLD_WORDS: Record<HoldReason, string> = {
  nothing_kept: "No snapshot would be left.",
  too_many: "More than 20 % of the snapshots, and at least 3, would go at once.",
  newest_good: "The newest good snapshot would go.",
  time_mismatch: "A snapshot claims a time more than 24 h away from when the server first saw it.",
};
