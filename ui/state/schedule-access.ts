import type { ScheduleKind } from "../../protocol/schedule.ts";
import { may } from "./session.ts";

/** Why this person may not change a schedule of that kind; undefined when they may. */
export function whyNotEdit(kind: ScheduleKind): string | undefined {
  if (!may("schedule.edit")) return "Your role only reads schedules.";
  return kind === "prune" && !may("job.prune") ? "Only an admin schedules a prune: it deletes data." : undefined;
}
