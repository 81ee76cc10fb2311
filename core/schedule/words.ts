import { cronFields, cronProblem, type CronField, type CronFields } from "./cron.ts";

/** A cron in a sentence without its zone, and the presets of the editor. */

const DAY_NAMES = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTH_NAMES = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];
/** More times or days than this are not listed. */
const MAX_LISTED = 8;

/** "Every day at 13:30", "Saturdays at 06:00", "Every 6 hours"; the cron itself when a sentence would not help. */
export function cronInWords(cron: string): string {
  if (cronProblem(cron) !== null) return cron;
  const fields = cronFields(cron);
  const times = fixedTimes(fields);
  if (times) return `${capital(dayWords(fields, "head"))} at ${listed(times)}${monthWords(fields)}`;
  const rhythm = rhythmWords(fields);
  return rhythm === null ? cron : `${rhythm}${dayWords(fields, "tail")}${monthWords(fields)}`;
}

/** Clock times, where there are few enough to name each. */
function fixedTimes({ minute, hour, followsRealTime }: CronFields): string[] | null {
  const isEven = followsRealTime && (hour.any || 24 % (hour.every ?? 25) === 0) && minute.values.length === 1;
  if (isEven || minute.values.length * hour.values.length > MAX_LISTED) return null;
  return hour.values.flatMap((h) => minute.values.map((m) => clock(h, m)));
}

/** "Every 10 minutes", "Every 6 hours at :15", "Every hour from 09:00 to 17:00". */
function rhythmWords({ minute, hour }: CronFields): string | null {
  const [first] = minute.values as [number];
  const everyMinutes = stepOf(minute, 60);
  const range = contiguous(hour);
  if (everyMinutes !== null) {
    const head = everyMinutes === 1 ? "Every minute" : `Every ${everyMinutes} minutes`;
    if (hour.values.length === 24) return head;
    if (range) return `${head} from ${clock(range.from, first)} to ${clock(range.to, minute.values.at(-1)!)}`;
    return null;
  }
  if (minute.every !== null && hour.any) return `Every ${minute.every} minutes from each full hour on`;
  if (minute.values.length > MAX_LISTED) return null;
  const past = listed(minute.values.map((m) => `:${two(m)}`));
  const at = minute.values.length === 1 && first === 0 ? "" : ` at ${past}`;
  const everyHours = stepOf(hour, 24);
  if (everyHours !== null) return everyHours === 1 ? `Every hour${at}` : `Every ${everyHours} hours${at}`;
  if (range && minute.values.length === 1)
    return `Every hour from ${clock(range.from, first)} to ${clock(range.to, first)}`;
  return null;
}

function dayWords({ day, month, weekday }: CronFields, place: "head" | "tail"): string {
  const isEveryDay = day.values.length === 31 && (day.any || weekday.any);
  const isEveryWeekday = weekday.values.length === 7;
  if ((isEveryDay && isEveryWeekday) || (day.any && isEveryWeekday)) return place === "head" ? "every day" : "";
  const days = day.any ? null : monthDayWords(day, month);
  const weekdays = weekday.any ? null : weekdayWords(weekday);
  if (days === null && place === "head") return weekdays!;
  const both = [days, weekdays && `on ${weekdays}`].filter((words) => words !== null).join(" and ");
  return place === "head" ? both : ` ${both}`;
}

/** "on the 1st and 15th of each month", or "on 1 January" where there is one month. */
function monthDayWords(day: CronField, month: CronField): string {
  if (month.values.length === 1 && day.values.length <= MAX_LISTED)
    return `on ${listed(day.values.map(String))} ${MONTH_NAMES[month.values[0]! - 1]}`;
  const rare = day.values[0]! > 28 ? " that has one" : "";
  const of = month.any ? `of each month${rare}` : "of the month";
  const range = contiguous(day);
  if (day.every === 2) return `on odd days ${of}`;
  if (range && day.values.length > 2) return `on the ${ordinal(range.from)} to ${ordinal(range.to)} ${of}`;
  if (day.values.length <= MAX_LISTED) return `on the ${listed(day.values.map(ordinal))} ${of}`;
  return `on days ${listed(day.values.map(String))} ${of}`;
}

function weekdayWords({ values }: CronField): string {
  // A week is read from Monday on.
  const week = values.map((value) => (value === 0 ? 7 : value)).sort((a, b) => a - b);
  const name = (value: number) => DAY_NAMES[value % 7]!;
  const key = week.join("");
  if (key === "12345") return "weekdays";
  if (key === "67") return "weekends";
  const [from, to] = [week[0]!, week.at(-1)!];
  if (week.length > 2 && to - from === week.length - 1) return `${name(from)} to ${name(to)}`;
  return listed(week.map((value) => `${name(value)}s`));
}

function monthWords({ day, month }: CronFields): string {
  if (month.values.length === 12) return "";
  if (!day.any && month.values.length === 1 && day.values.length <= MAX_LISTED) return "";
  const range = contiguous(month);
  if (range && month.values.length > 2) return `, ${MONTH_NAMES[range.from - 1]} to ${MONTH_NAMES[range.to - 1]}`;
  return ` in ${listed(month.values.map((value) => MONTH_NAMES[value - 1]!))}`;
}

/** The step of a field whose values lie evenly over its whole circle, counted from 0. */
function stepOf({ values }: CronField, circle: number): number | null {
  const step = circle / values.length;
  return Number.isInteger(step) && values.length > 1 && values.every((value, index) => value === index * step)
    ? step
    : null;
}

function contiguous({ values }: CronField): { from: number; to: number } | null {
  const [from, to] = [values[0]!, values.at(-1)!];
  return to - from === values.length - 1 ? { from, to } : null;
}

function listed(words: readonly string[]): string {
  return words.length === 1 ? words[0]! : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

function ordinal(value: number): string {
  const ending = value > 10 && value < 14 ? "th" : (["th", "st", "nd", "rd"][value % 10] ?? "th");
  return `${value}${ending}`;
}

function clock(hour: number, minute: number): string {
  return `${two(hour)}:${two(minute)}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

function capital(words: string): string {
  return words[0]!.toUpperCase() + words.slice(1);
}

export type PresetName = "hourly" | "six_hourly" | "daily" | "weekdays" | "weekly" | "monthly";

/** The presets of the editor, with the cron that each begins as. */
export const PRESETS: readonly { readonly name: PresetName; readonly label: string; readonly cron: string }[] = [
  { name: "hourly", label: "Hourly", cron: "0 * * * *" },
  { name: "six_hourly", label: "Every 6 h", cron: "0 */6 * * *" },
  { name: "daily", label: "Daily", cron: "30 13 * * *" },
  { name: "weekdays", label: "Weekdays", cron: "30 13 * * 1-5" },
  { name: "weekly", label: "Weekly", cron: "30 13 * * 6" },
  { name: "monthly", label: "Monthly", cron: "30 13 1 * *" },
];

/** The preset that a cron is one of, whatever its time of day, weekday or day of the month; null for any other. */
export function presetOf(cron: string): PresetName | null {
  if (cronProblem(cron) !== null) return null;
  const { minute, hour, day, month, weekday } = cronFields(cron);
  if (minute.values.length !== 1 || !month.any) return null;
  const isEveryDay = day.any && weekday.any;
  if (hour.any) return isEveryDay ? "hourly" : null;
  if (hour.every === 6) return isEveryDay ? "six_hourly" : null;
  if (hour.values.length !== 1) return null;
  if (isEveryDay) return "daily";
  if (day.any) {
    if (weekday.values.join("") === "12345") return "weekdays";
    return weekday.values.length === 1 ? "weekly" : null;
  }
  return weekday.any && day.values.length === 1 ? "monthly" : null;
}

/** The cron of a preset that keeps the minute and the hour of another cron, where that has one of each. */
export function presetCron(name: PresetName, previous: string): string {
  const parts = PRESETS.find((preset) => preset.name === name)!.cron.split(" ");
  if (cronProblem(previous) !== null) return parts.join(" ");
  const { minute, hour } = cronFields(previous);
  if (minute.values.length === 1) parts[0] = String(minute.values[0]);
  if (hour.values.length === 1 && !parts[1]!.startsWith("*")) parts[1] = String(hour.values[0]);
  return parts.join(" ");
}
