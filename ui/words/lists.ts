/** The lines of a text, trimmed, empty ones left out: how paths are typed. */
export function linesOf(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

/** Comma-separated words, trimmed, each once: how tags are typed. */
export function wordsOf(text: string): string[] {
  return [
    ...new Set(
      text
        .split(",")
        .map((word) => word.trim())
        .filter((word) => word !== ""),
    ),
  ];
}

/** "/srv", "/srv and /etc", "/srv, /etc and 2 more". */
export function listText(items: readonly string[]): string {
  if (items.length <= 1) return items[0] ?? "";
  if (items.length === 2) return `${items[0]} and ${items[1]}`;
  return `${items.slice(0, 2).join(", ")} and ${items.length - 2} more`;
}
