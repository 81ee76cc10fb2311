/**
 * When a cron fires, found by brute force: every minute of UTC is put on the wall by Intl, and the rules are applied to
 * the list of walls. Shares nothing with core/schedule but the rules.
 */
export const MINUTE_MS = 60_000;

/** What the wall shows at each UTC minute from one instant to another, as ms as if it ran in UTC. */
export interface Walls {
  readonly fromMs: number;
  readonly wallsMs: readonly number[];
}

/** `fromMs` is a whole minute. */
export function wallsOf(zone: string, fromMs: number, toMs: number): Walls {
  const read = wallReader(zone);
  const wallsMs: number[] = [];
  for (let at = fromMs; at < toMs; at += MINUTE_MS) wallsMs.push(read(at));
  return { fromMs, wallsMs };
}

/** A change of a zone's clock: the first minute of the new offset, and wall time minus UTC on both sides. */
export interface ClockChange {
  readonly atMs: number;
  readonly beforeMs: number;
  readonly afterMs: number;
}

/** The changes of a zone's clock; of several within one step only the sum is seen. */
export function clockChanges(zone: string, fromMs: number, toMs: number, stepMs: number): ClockChange[] {
  const read = wallReader(zone);
  const offset = (utcMs: number) => read(utcMs) - utcMs;
  const changes: ClockChange[] = [];
  let beforeMs = offset(fromMs);
  for (let at = fromMs; at < toMs; at += stepMs) {
    const afterMs = offset(at + stepMs);
    if (afterMs === beforeMs) continue;
    let [last, first] = [at, at + stepMs];
    while (first - last > MINUTE_MS) {
      const middle = last + Math.floor((first - last) / 2 / MINUTE_MS) * MINUTE_MS;
      if (offset(middle) === beforeMs) last = middle;
      else first = middle;
    }
    changes.push({ atMs: first, beforeMs, afterMs });
    beforeMs = afterMs;
  }
  return changes;
}

/** All fires within the walls. The walls begin at least a day before a change that matters. */
export function oracleFires(cron: string, { fromMs, wallsMs }: Walls): number[] {
  const matches = predicate(cron);
  const isInterval = cron.split(" ")[1]!.startsWith("*");
  const seen = new Set<number>();
  const fires: number[] = [];
  for (const [index, wallMs] of wallsMs.entries()) {
    let fire = matches(wallMs) && (isInterval || !seen.has(wallMs));
    if (!isInterval && index > 0)
      for (let skipped = wallsMs[index - 1]! + MINUTE_MS; skipped < wallMs && !fire; skipped += MINUTE_MS)
        fire = matches(skipped);
    if (fire) fires.push(fromMs + index * MINUTE_MS);
    seen.add(wallMs);
  }
  return fires;
}

function wallReader(zone: string): (utcMs: number) => number {
  // The Swedish form is 2026-03-29 02:30.
  const format = new Intl.DateTimeFormat("sv-SE", {
    timeZone: zone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
  });
  return (utcMs) => Date.parse(`${format.format(utcMs).replace(" ", "T")}Z`);
}

/** Whether a wall-clock minute matches; day and weekday are either-or when both are given, as cron has it. */
function predicate(cron: string): (wallMs: number) => boolean {
  const [minute, hour, day, month, weekday] = cron.split(" ") as [string, string, string, string, string];
  const minutes = expand(minute, 0, 59);
  const hours = expand(hour, 0, 23);
  const days = expand(day, 1, 31);
  const months = expand(month, 1, 12);
  const weekdays = expand(weekday, 0, 6);
  const either = day !== "*" && weekday !== "*";
  return (wallMs) => {
    const wall = new Date(wallMs);
    const isDay = days.has(wall.getUTCDate());
    const isWeekday = weekdays.has(wall.getUTCDay());
    return (
      minutes.has(wall.getUTCMinutes()) &&
      hours.has(wall.getUTCHours()) &&
      months.has(wall.getUTCMonth() + 1) &&
      (either ? isDay || isWeekday : isDay && isWeekday)
    );
  };
}

function expand(field: string, min: number, max: number): Set<number> {
  const values = new Set<number>();
  for (const item of field.split(",")) {
    const [range, step = "1"] = item.split("/") as [string, string?];
    const [from, to = from] = range === "*" ? [min, max] : range.split("-").map(Number);
    for (let value = from!; value <= to!; value += Number(step)) values.add(value);
  }
  return values;
}
