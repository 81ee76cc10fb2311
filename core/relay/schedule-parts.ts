import { MAX_FRAME_BYTES } from "../../protocol/limits.ts";
import { utf8Length, type ServerMessage, type WireSchedule } from "../../protocol/wire.ts";

/** Room for what a part holds beside its schedules. */
const ENVELOPE_BYTES = 1024;

/** The set of a host's schedules in frames, each far enough below the limit; an empty set is one empty part. */
export function scheduleSetParts(set: { version: number; schedules: readonly WireSchedule[] }): ServerMessage[] {
  const parts: WireSchedule[][] = [[]];
  let bytes = 0;
  for (const schedule of set.schedules) {
    const size = utf8Length(JSON.stringify(schedule)) + 1;
    if (bytes + size > MAX_FRAME_BYTES - ENVELOPE_BYTES && parts.at(-1)!.length > 0) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(schedule);
    bytes += size;
  }
  return parts.map((schedules, part) => ({
    type: "schedule.set",
    version: set.version,
    part,
    last: part === parts.length - 1,
    schedules,
  }));
}
