import type { KeepPolicy } from "../../protocol/schedule.ts";
import { withinParts } from "./evaluate.ts";

/** A keep policy as people read it in a list: "7 daily, 5 weekly, 12 monthly". */
export function keepInWords(keep: KeepPolicy): string {
  const parts: string[] = [];
  if (keep.last !== undefined) parts.push(`last ${keep.last}`);
  for (const rule of ["hourly", "daily", "weekly", "monthly", "yearly"] as const) {
    if (keep[rule] !== undefined) parts.push(`${keep[rule]} ${rule}`);
  }
  if (keep.within !== undefined) parts.push(`all within ${withinInWords(keep.within)}`);
  if (keep.tags !== undefined && keep.tags.length > 0) parts.push(`tagged ${keep.tags.join(" or ")}`);
  return parts.join(", ");
}

/** "1y6m" as "1 year 6 months". */
function withinInWords(within: string): string {
  return Object.entries(withinParts(within))
    .filter(([, count]) => count > 0)
    .map(([units, count]) => `${count} ${count === 1 ? units.slice(0, -1) : units}`)
    .join(" ");
}
