import { DAY_MS } from "./day.ts";

/**
 * How the wall clock of a zone runs. Everything comes from Intl, so the zones are those of the runtime; offsets are
 * asked once a day and remembered. A clock that changed twice within one UTC day would not be seen to:
 * scripts/check-zones.ts makes sure that none does.
 */

/** Days remembered per zone, and zones: some hundred KiB at most. */
const MAX_DAYS = 4096;
const MAX_ZONES = 1024;

/** A change of the clock; offsets are wall time minus UTC in ms. */
export interface Change {
  /** The first instant of the new offset. */
  readonly atMs: number;
  readonly beforeMs: number;
  readonly afterMs: number;
}

/** A stretch of one UTC day in which the offset stays the same. */
export interface Piece {
  readonly startMs: number;
  /** The first instant after it. */
  readonly endMs: number;
  readonly offsetMs: number;
  /** The change that begins it, unless it begins with the day. */
  readonly change: Change | null;
}

export class ZoneClock {
  readonly #format: Intl.DateTimeFormat;
  /** UTC day → offset just before it begins. */
  readonly #offsets = new Map<number, number>();
  readonly #changes = new Map<number, Change>();

  /** Throws a RangeError on a zone that the runtime does not know. */
  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat("en-US", { timeZone, timeZoneName: "longOffset" });
  }

  /** The change within a UTC day (days since 1970), or null. */
  changeOn(day: number): Change | null {
    const beforeMs = this.#offsetBefore(day);
    const afterMs = this.#offsetBefore(day + 1);
    if (beforeMs === afterMs) return null;
    let change = this.#changes.get(day);
    if (!change) {
      let [last, first] = [day * DAY_MS - 1, (day + 1) * DAY_MS - 1];
      while (first - last > 1) {
        const middle = Math.floor((last + first) / 2);
        if (this.#ask(middle) === beforeMs) last = middle;
        else first = middle;
      }
      change = { atMs: first, beforeMs, afterMs };
      this.#changes.set(day, change);
    }
    return change;
  }

  /** The piece that an instant lies in. */
  pieceAt(utcMs: number): Piece {
    const day = Math.floor(utcMs / DAY_MS);
    const change = this.changeOn(day);
    const [startMs, endMs] = [day * DAY_MS, (day + 1) * DAY_MS];
    if (!change) return { startMs, endMs, offsetMs: this.#offsetBefore(day), change };
    return utcMs < change.atMs
      ? { startMs, endMs: change.atMs, offsetMs: change.beforeMs, change: null }
      : { startMs: change.atMs, endMs, offsetMs: change.afterMs, change };
  }

  #offsetBefore(day: number): number {
    let offset = this.#offsets.get(day);
    if (offset === undefined) {
      if (this.#offsets.size >= MAX_DAYS) {
        this.#offsets.clear();
        this.#changes.clear();
      }
      offset = this.#ask(day * DAY_MS - 1);
      this.#offsets.set(day, offset);
    }
    return offset;
  }

  #ask(utcMs: number): number {
    const match = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(this.#format.format(utcMs));
    if (!match) throw new Error("Intl gave no offset");
    const [, sign, hours, minutes, seconds = "0"] = match;
    if (!sign) return 0;
    const sizeMs = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000;
    return sign === "-" ? -sizeMs : sizeMs;
  }
}

const clocks = new Map<string, ZoneClock>();

/** The clock of a zone that has passed `zoneProblem`; one per zone, because it remembers. */
export function zoneClock(timeZone: string): ZoneClock {
  let clock = clocks.get(timeZone);
  if (!clock) {
    clock = new ZoneClock(timeZone);
    if (clocks.size >= MAX_ZONES) clocks.clear();
    clocks.set(timeZone, clock);
  }
  return clock;
}
