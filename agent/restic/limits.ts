import type { Limits } from "../../protocol/schedule.ts";

/** restic's bandwidth flags: KiB per second for the whole process; none where there is no limit. */
export function limitArgs(limits: Limits): string[] {
  return [
    ...(limits.uploadKiBs === undefined ? [] : [`--limit-upload=${limits.uploadKiBs}`]),
    ...(limits.downloadKiBs === undefined ? [] : [`--limit-download=${limits.downloadKiBs}`]),
  ];
}
