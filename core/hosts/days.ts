import { DAY_MS } from "../schedule/day.ts";

/** Days shown as letters, the last of them being today. */
export const SHOWN_DAYS = 30;
/** Weeks whose size is shown. */
export const SHOWN_WEEKS = 12;

/** What is known of one UTC day of a host. Size in bytes. */
export interface KnownDay {
  /** UTC days since 1970. */
  day: number;
  /** Worst outcome: 1 succeeded, 2 warnings, 3 failed, 0 none. */
  outcome: number;
  sizeBytes: number | null;
}

/** The number of the UTC day that holds `atMs`. */
export function dayOf(atMs: number): number {
  return Math.floor(atMs / DAY_MS);
}

const LETTERS = ["n", "s", "w", "f"] as const;

/**
 * One letter for each of the last 30 UTC days, oldest first: s succeeded, w warnings, f failed, m missed, n nothing
 * planned. A day is missed when it is over, brought no backup, and began after daily backups were planned.
 */
export function dayLetters(known: readonly KnownDay[], plannedSinceMs: number | null, today: number): string {
  const outcomes = new Map(known.map(({ day, outcome }) => [day, outcome]));
  const plannedFrom = plannedSinceMs === null ? Infinity : dayOf(plannedSinceMs) + 1;
  return Array.from({ length: SHOWN_DAYS }, (_, i) => {
    const day = today - SHOWN_DAYS + 1 + i;
    const outcome = outcomes.get(day) ?? 0;
    if (outcome === 0 && day >= plannedFrom && day < today) return "m";
    return LETTERS[outcome] ?? "n";
  }).join("");
}

/**
 * The last known size in each of the last 12 weeks, oldest first; the last week ends today. A week without a backup
 * keeps the size of the one before, and weeks before the first known size are left out.
 */
export function weeklySizes(known: readonly KnownDay[], today: number): number[] {
  const sizes: (number | undefined)[] = Array.from({ length: SHOWN_WEEKS });
  for (const { day, sizeBytes } of known.toSorted((a, b) => a.day - b.day)) {
    const week = SHOWN_WEEKS - 1 - Math.floor((today - day) / 7);
    if (sizeBytes !== null && week >= 0 && week < SHOWN_WEEKS) sizes[week] = sizeBytes;
  }
  const shown: number[] = [];
  for (const size of sizes) {
    const value = size ?? shown.at(-1);
    if (value !== undefined) shown.push(value);
  }
  return shown;
}
