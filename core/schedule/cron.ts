import { zoneClock } from "./zone-clock.ts";

/** The five fields of a cron, parsed: what the matcher is asked with, what is put into words, what is wrong with it. */

const DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const LONGEST_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/** As in protocol/schedule.ts. */
export const MAX_CRON_LENGTH = 256;
export const MAX_ZONE_LENGTH = 64;

interface FieldRule {
  readonly name: "minute" | "hour" | "day" | "month" | "weekday";
  readonly min: number;
  readonly max: number;
  /** How many different values there are: the greatest step that makes sense. */
  readonly size: number;
  readonly names?: { readonly first: number; readonly list: readonly string[] };
}
const RULES: readonly FieldRule[] = [
  { name: "minute", min: 0, max: 59, size: 60 },
  { name: "hour", min: 0, max: 23, size: 24 },
  { name: "day", min: 1, max: 31, size: 31 },
  { name: "month", min: 1, max: 12, size: 12, names: { first: 1, list: MONTHS } },
  { name: "weekday", min: 0, max: 7, size: 7, names: { first: 0, list: DAYS } },
];

export interface CronField {
  /** The field is `*`. */
  readonly any: boolean;
  /** The field is `*` with a step: the step. */
  readonly every: number | null;
  /** What it matches, ascending; weekdays 0 (Sunday) to 6. */
  readonly values: readonly number[];
}
export interface CronFields {
  readonly minute: CronField;
  readonly hour: CronField;
  readonly day: CronField;
  readonly month: CronField;
  readonly weekday: CronField;
  /**
   * The hour field begins with `*`: such a cron follows real time over a change of the clock. Any other means fixed
   * times on the wall.
   */
  readonly followsRealTime: boolean;
}

/** What is wrong with a cron, with the remedy, as the end of "cron: …"; null when it is good. */
export function cronProblem(cron: string): string | null {
  const parsed = parse(cron);
  return typeof parsed === "string" ? parsed : null;
}

/** The fields of a cron that has passed `cronProblem`; throws on any other. */
export function cronFields(cron: string): CronFields {
  const parsed = parse(cron);
  if (typeof parsed === "string") throw new Error(`cron ${parsed}`);
  return parsed;
}

/** What is wrong with the name of a time zone, with the remedy; null when this runtime knows the zone. */
export function zoneProblem(zone: string): string | null {
  const remedy = "is not a known time zone; use an IANA name, such as Europe/Berlin or UTC";
  // Offsets such as +02:00 are zones to Intl as well, but they know no daylight saving.
  if (zone.length > MAX_ZONE_LENGTH || !/^[A-Za-z][A-Za-z0-9_+/-]*$/.test(zone)) return remedy;
  try {
    zoneClock(zone);
    return null;
  } catch {
    return remedy;
  }
}

function parse(cron: string): CronFields | string {
  if (cron.length > MAX_CRON_LENGTH) return `must be at most ${MAX_CRON_LENGTH} characters`;
  const text = cron.trim();
  if (text === "") return "must not be empty; for every day at 13:30 write 30 13 * * *";
  if (text.startsWith("@")) return "does not take names such as @daily; write five fields, such as 0 0 * * *";
  const parts = text.split(/[ \t]+/);
  if (parts.length === 6 || parts.length === 7)
    return "has no field for seconds or years; write five: minute, hour, day, month, weekday";
  if (parts.length !== 5)
    return `needs five fields (minute, hour, day, month, weekday), not ${parts.length}; such as 30 13 * * *`;
  const fields: CronField[] = [];
  for (const [index, rule] of RULES.entries()) {
    const field = parseField(parts[index]!, rule);
    if (typeof field === "string") return field;
    fields.push(field);
  }
  const [minute, hour, day, month, weekday] = fields as [CronField, CronField, CronField, CronField, CronField];
  if (weekday.any && !month.values.some((each) => day.values[0]! <= LONGEST_MONTH[each - 1]!))
    return "never fires: none of its months has such a day; choose an earlier day";
  return { minute, hour, day, month, weekday, followsRealTime: parts[1]!.startsWith("*") };
}

function parseField(text: string, rule: FieldRule): CronField | string {
  const values = new Set<number>();
  for (const item of text.split(",")) {
    const range = parseItem(item, rule);
    if (typeof range === "string") return `has a wrong ${rule.name} (${short(item)}): ${range}`;
    for (let value = range.from; value <= range.to; value += range.step)
      values.add(rule.name === "weekday" ? value % 7 : value);
  }
  const stepped = /^\*\/(\d+)$/.exec(text);
  return {
    any: text === "*",
    every: stepped ? Number(stepped[1]) : null,
    values: [...values].sort((a, b) => a - b),
  };
}

function parseItem(item: string, rule: FieldRule): { from: number; to: number; step: number } | string {
  const { min, max, size } = rule;
  const allowed = `use ${min} to ${max}${rule.names ? ` or ${rule.names.list[0]} to ${rule.names.list.at(-1)}` : ""}`;
  const match = /^(?:\*|([0-9A-Za-z]{1,9})(?:-([0-9A-Za-z]{1,9}))?)(?:\/(\d{1,9}))?$/.exec(item);
  if (!match) return `${allowed}, with * - , and / as in */5 or 1-5`;
  const [, first, second, stepText] = match;
  const step = stepText === undefined ? 1 : Number(stepText);
  if (step < 1 || step > size) return `a step goes from 1 to ${size}`;
  // croner matches weekdays 0 to 6 for a star.
  if (first === undefined) return { from: min, to: rule.name === "weekday" ? 6 : max, step };
  const from = valueOf(first, rule);
  // "SAT-SUN": a Sunday at the end is the seventh day.
  const to =
    second === undefined ? from : second.toUpperCase() === "SUN" && rule.name === "weekday" ? 7 : valueOf(second, rule);
  if (from === null || to === null) return allowed;
  if (second === undefined && stepText !== undefined) return `a step needs a range; write ${first}-${max}/${stepText}`;
  const [start, last] = rule.names && /\D/.test(first) ? [rule.names.list[0], rule.names.list.at(-1)] : [min, max];
  if (from > to) return `the range runs backwards; write ${first}-${last},${start}-${second}`;
  return { from, to, step };
}

function valueOf(text: string, { min, max, names }: FieldRule): number | null {
  if (/^\d+$/.test(text)) return Number(text) >= min && Number(text) <= max ? Number(text) : null;
  const index = names ? names.list.indexOf(text.toUpperCase()) : -1;
  return index < 0 ? null : names!.first + index;
}

/** An item as it is quoted in a message: a long one is cut. */
function short(item: string): string {
  return item.length > 16 ? `${item.slice(0, 16)}…` : item;
}
