import { cronInWords } from "../../core/schedule/words.ts";
import { keepInWords } from "../../core/retention/words.ts";
import type { ScheduleResource } from "../../protocol/api.ts";
import type { ReadData, ScheduleKind } from "../../protocol/schedule.ts";
import { literal } from "./literal.ts";

export const KIND_WORDS: Record<ScheduleKind, { noun: string; icon: string; says: string }> = {
  backup: { noun: "Backup", icon: "layers", says: "Saves paths of this host. The host runs it by itself." },
  check: { noun: "Check", icon: "shield", says: "Proves that the repository can be read. The host runs it by itself." },
  forget: {
    noun: "Forget",
    icon: "forget",
    says: "Applies the rules of backup schedules that wait for it. The server starts it.",
  },
  prune: { noun: "Prune", icon: "prune", says: "Frees the space of what was forgotten. The server starts it." },
};

/** "Every day at 13:30", or that nobody but a person starts it. */
export function whenWords(schedule: { manual: boolean; cron?: string | undefined }): string {
  return schedule.manual || schedule.cron === undefined ? "Only when you run it" : cronInWords(schedule.cron);
}

/** How much of the data a check reads. */
export function readWords(read: ReadData): string {
  switch (read.mode) {
    case "none":
      return "structure only";
    case "percent":
      return `${read.percent} % of data`;
    case "rotate":
      return `all data in ${read.days} ${read.days === 1 ? "day" : "days"}`;
  }
}

/** What of its snapshots a schedule keeps; null where that does not apply. */
export function keepWords(schedule: ScheduleResource): string | null {
  if (schedule.kind !== "backup") return null;
  return schedule.retention === null ? "everything" : literal(keepInWords(schedule.retention.keep));
}
