import { readFileSync } from "node:fs";
import * as v from "valibot";
import { parseWireSchedule } from "../../core/schedule/wire-schedule.ts";
import type { Failure } from "../../protocol/failure.ts";
import { MAX_SCHEDULES } from "../../protocol/limits.ts";
import { count } from "../../protocol/scalars.ts";
import type { Refused, ServerMessage, WireSchedule } from "../../protocol/wire.ts";
import { writeFileAtomically } from "../disk/atomic-file.ts";
import { clipText } from "../restic/clean-text.ts";

type ScheduleSet = Extract<ServerMessage, { type: "schedule.set" }>;
type Entry = ScheduleSet["schedules"][number];

/** More than any server of this protocol has: what goes on without end must not fill the memory. */
const MOST_SCHEDULES = 4 * MAX_SCHEDULES;

const contentSchema = v.object({ version: count, schedules: v.array(v.unknown()) });

/** All parts of a set of schedules, not yet judged. */
export interface WholeSet {
  version: number;
  entries: readonly Entry[];
}
export interface AppliedSet {
  version: number;
  refused: Refused[];
}

/**
 * The host's schedules, kept so that they fire with the server down. The whole set replaces the whole set; what cannot
 * be used is refused by id and left out.
 */
export class KeptSchedules {
  readonly #path: string;
  #version = 0;
  #schedules: readonly WireSchedule[] = [];
  /** The parts of a set that has not come whole. */
  #coming: { version: number; entries: Entry[]; parts: number } | null = null;

  constructor(path: string) {
    this.#path = path;
    this.#load();
  }

  /** 0 when none were ever set, so that the server sends them. */
  get version(): number {
    return this.#version;
  }
  get schedules(): readonly WireSchedule[] {
    return this.#schedules;
  }

  /**
   * Takes one part; answers the set with its last one, to be applied, else null. A gap, another version or too many
   * schedules drop what was collected: the server sends the set again.
   */
  collect({ version, part, last, schedules }: ScheduleSet): WholeSet | null {
    if (version < this.#version) return null;
    if (part === 0) this.#coming = { version, entries: [], parts: 0 };
    const most = MOST_SCHEDULES - schedules.length;
    if (this.#coming?.version !== version || this.#coming.parts !== part || this.#coming.entries.length > most) {
      this.#coming = null;
      return null;
    }
    this.#coming.entries.push(...schedules);
    this.#coming.parts += 1;
    if (!last) return null;
    const { entries } = this.#coming;
    this.#coming = null;
    return { version, entries };
  }

  /**
   * Applies a set in one atomic write; null when a newer one was meanwhile. `refusal` is the host's own word on a
   * schedule. Throws the system's error when the set cannot be kept.
   */
  async apply(
    { version, entries }: WholeSet,
    refusal: (schedule: WireSchedule) => Promise<Failure | null>,
  ): Promise<AppliedSet | null> {
    const refused: Refused[] = [];
    const good: WireSchedule[] = [];
    for (const entry of entries) {
      const parsed = parseWireSchedule(entry);
      const failure = parsed.ok ? await refusal(parsed.value) : parsed.failure;
      if (failure) refused.push({ id: entry.id, code: failure.code, message: clipText(failure.message) });
      else if (parsed.ok) good.push(parsed.value);
    }
    if (version < this.#version) return null;
    writeFileAtomically(this.#path, JSON.stringify({ version, schedules: good }));
    this.#version = version;
    this.#schedules = good;
    return { version, refused };
  }

  #load(): void {
    let content: unknown;
    try {
      content = JSON.parse(readFileSync(this.#path, "utf8"));
    } catch {
      return;
    }
    const kept = v.safeParse(contentSchema, content);
    if (!kept.success) return;
    const parsed = kept.output.schedules.map(parseWireSchedule);
    this.#schedules = parsed.flatMap((one) => (one.ok ? [one.value] : []));
    // A schedule that an older agent wrote otherwise is asked for again, and the others run meanwhile.
    this.#version = parsed.every((one) => one.ok) ? kept.output.version : 0;
  }
}
