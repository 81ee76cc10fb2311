const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;
const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"] as const;

const two = (n: number) => String(n).padStart(2, "0");

/** "13:42:08" in the browser's zone: logs are absolute, in 24 hours. */
export function clockText(atMs: number): string {
  const at = new Date(atMs);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** "13:42". */
export function clockMinuteText(atMs: number): string {
  return clockText(atMs).slice(0, 5);
}

/** "14 Nov", with the year when it is not the present one. */
export function dateText(atMs: number, nowMs: number): string {
  const at = new Date(atMs);
  const day = `${at.getDate()} ${MONTHS[at.getMonth()]}`;
  return at.getFullYear() === new Date(nowMs).getFullYear() ? day : `${day} ${at.getFullYear()}`;
}

/** The full local time for a title: "2026-11-23 13:42:08". */
export function absoluteText(atMs: number): string {
  const at = new Date(atMs);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clockText(atMs)}`;
}

/** A time near now as a place in the week: "14:00", "tomorrow 02:30", "Tue 13:30", else "14 Dec 13:30". */
export function whenText(atMs: number, nowMs: number): string {
  const time = clockMinuteText(atMs);
  const midnight = new Date(nowMs).setHours(0, 0, 0, 0);
  const days = Math.round((new Date(atMs).setHours(0, 0, 0, 0) - midnight) / DAY);
  if (days === 0) return time;
  if (days === 1) return `tomorrow ${time}`;
  if (days === -1) return `yesterday ${time}`;
  return days > 1 && days < 7 ? `${WEEKDAYS[new Date(atMs).getDay()]} ${time}` : `${dateText(atMs, nowMs)} ${time}`;
}

/** "42 min ago", "in 5 h"; hours up to two days, days up to seven, then the date. */
export function relativeText(atMs: number, nowMs: number): string {
  const apart = Math.abs(nowMs - atMs);
  const say = (text: string) => (atMs <= nowMs ? `${text} ago` : `in ${text}`);
  if (apart < 5 * SECOND) return "just now";
  if (apart < MINUTE) return say(`${Math.floor(apart / SECOND)} s`);
  if (apart < HOUR) return say(`${Math.floor(apart / MINUTE)} min`);
  if (apart < 2 * DAY) return say(`${Math.floor(apart / HOUR)} h`);
  if (apart <= 7 * DAY) return say(`${Math.floor(apart / DAY)} d`);
  return dateText(atMs, nowMs);
}

/** "38 s", "2 min 8 s", "31 min", "1 h 4 min", "2 d 3 h": the second unit only while it matters. */
export function durationText(ms: number): string {
  const pair = (first: number, unit: string, second: number, secondUnit: string) =>
    second === 0 ? `${first} ${unit}` : `${first} ${unit} ${second} ${secondUnit}`;
  const seconds = Math.max(0, Math.floor(ms / SECOND));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return pair(minutes, "min", seconds % 60, "s");
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return pair(hours, "h", minutes % 60, "min");
  return pair(Math.floor(hours / 24), "d", hours % 24, "h");
}

/** The head of a day's group: "Today", "Yesterday", else "Monday 23 November". */
export function dayText(atMs: number, nowMs: number): string {
  const name = new Date(atMs).toLocaleDateString("en-GB", {
    weekday: "long",
    day: "numeric",
    month: "long",
    ...(new Date(atMs).getFullYear() === new Date(nowMs).getFullYear() ? {} : { year: "numeric" }),
  });
  const midnight = new Date(nowMs).setHours(0, 0, 0, 0);
  if (atMs >= midnight) return `Today, ${name}`;
  if (atMs >= midnight - DAY) return `Yesterday, ${name}`;
  return name;
}
