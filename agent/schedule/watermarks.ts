import { readFileSync } from "node:fs";
import * as v from "valibot";
import { SUMMARY_KEEP_MS } from "../../protocol/limits.ts";
import { count, timeMs, uuid } from "../../protocol/scalars.ts";
import type { WireSchedule } from "../../protocol/wire.ts";
import { writeFileAtomically } from "../disk/atomic-file.ts";

const markSchema = v.object({
  /** Fires at or before this nominal time are done with. */
  atMs: timeMs,
  /** Fires that were passed over since the last one that ran. */
  missed: count,
  /** The timing it was set for. */
  timing: v.string(),
  /** When the schedule stopped firing by itself; null while it does. */
  goneMs: v.nullable(timeMs),
});
const contentSchema = v.object({ marks: v.record(uuid, markSchema) });
type Mark = v.InferOutput<typeof markSchema>;

/** How far each schedule has fired, in fires.json: what makes a fire happen once, whatever the clock and restarts do. */
export class Watermarks {
  readonly #path: string;
  readonly #marks: Map<string, Mark>;

  constructor(path: string) {
    this.#path = path;
    this.#marks = readMarks(path);
  }

  /** Null for a schedule that `follow` has not seen. */
  get(scheduleId: string): number | null {
    return this.#marks.get(scheduleId)?.atMs ?? null;
  }

  /** Fires that were passed over since the last one that ran. */
  missed(scheduleId: string): number {
    return this.#marks.get(scheduleId)?.missed ?? 0;
  }

  move(scheduleId: string, atMs: number, missed: number): void {
    const mark = this.#marks.get(scheduleId);
    if (mark) Object.assign(mark, { atMs, missed });
  }

  /**
   * Takes over the set of schedules. One that is new, was switched on or has another timing counts from now: it makes
   * up for nothing it was not to do. The mark of one that left stays 30 days. Answers whether anything changed.
   */
  follow(schedules: readonly WireSchedule[], nowMs: number): boolean {
    const before = JSON.stringify([...this.#marks]);
    const firing = new Map(schedules.filter(firesByItself).map((schedule) => [schedule.id, timingOf(schedule)]));
    for (const [id, timing] of firing) {
      const mark = this.#marks.get(id);
      if (mark?.goneMs === null && mark.timing === timing) continue;
      this.#marks.set(id, { atMs: Math.max(mark?.atMs ?? 0, nowMs), missed: 0, timing, goneMs: null });
    }
    for (const [id, mark] of this.#marks) {
      if (firing.has(id)) continue;
      mark.goneMs ??= nowMs;
      if (nowMs - mark.goneMs > SUMMARY_KEEP_MS) this.#marks.delete(id);
    }
    return JSON.stringify([...this.#marks]) !== before;
  }

  /** Throws the system's error when the file cannot be written; the marks hold in memory all the same. */
  keep(): void {
    writeFileAtomically(this.#path, JSON.stringify({ marks: Object.fromEntries(this.#marks) }));
  }
}

/** Whether the host fires the schedule: it is switched on and has a time. */
export function firesByItself(schedule: WireSchedule): schedule is WireSchedule & { cron: string; timeZone: string } {
  return schedule.enabled && !schedule.manual && schedule.cron !== undefined && schedule.timeZone !== undefined;
}

function timingOf({ cron, timeZone, spreadMinutes }: WireSchedule): string {
  return JSON.stringify([cron, timeZone, spreadMinutes]);
}

/** A file that cannot be read is as good as none: every schedule then counts from now, and ids still protect. */
function readMarks(path: string): Map<string, Mark> {
  try {
    const parsed = v.safeParse(contentSchema, JSON.parse(readFileSync(path, "utf8")));
    return new Map(parsed.success ? Object.entries(parsed.output.marks) : []);
  } catch {
    return new Map();
  }
}
