/** A progress line of the commands that print text: `[0:42] 25.00%  1 / 4 packs`, or without a share while it is unknown. */
export interface TextProgress {
  /** 0..1. */
  percent: number | null;
  done: boolean;
}

/** Null for a line that is no progress. */
export function parseTextProgress(line: string): TextProgress | null {
  const match = /^\[(?:\d+:)?\d+:\d\d\](?:\s+([\d.]+)%)?\s+\d+/.exec(line);
  if (!match) return null;
  const percent = match[1] === undefined ? null : Math.min(1, Number(match[1]) / 100);
  return { percent, done: percent === 1 };
}
