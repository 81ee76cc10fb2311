import { countText } from "./size.ts";

/** Letters of HostResource.days, in the order they are told. */
const WORDS = [
  ["s", "succeeded"],
  ["w", "with warnings"],
  ["f", "failed"],
  ["m", "missed"],
] as const;

const WORD: Readonly<Record<string, string>> = { ...Object.fromEntries(WORDS), n: "nothing planned" };

/** What became of one day. */
export function dayWord(letter: string): string {
  return WORD[letter] ?? "unknown";
}

/** "Last 30 days: 26 succeeded, 2 with warnings, 2 failed"; days without a plan are not told. */
export function daysSummary(days: string): string {
  const parts = WORDS.flatMap(([letter, word]) => {
    const count = days.split(letter).length - 1;
    return count > 0 ? [`${countText(count)} ${word}`] : [];
  });
  return `Last ${days.length} days: ${parts.length > 0 ? parts.join(", ") : "no backup"}`;
}

/** "28 of 29 clean, 1 with warnings": how the days that had a plan went; empty when none had. */
export function daysVerdict(days: string): string {
  const planned = days.replaceAll("n", "").length;
  if (planned === 0) return "";
  const clean = days.split("s").length - 1;
  const rest = WORDS.slice(1).flatMap(([letter, word]) => {
    const count = days.split(letter).length - 1;
    return count > 0 ? [`${countText(count)} ${word}`] : [];
  });
  return [`${countText(clean)} of ${countText(planned)} clean`, ...rest].join(", ");
}
