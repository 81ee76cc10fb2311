/** "64 %", whole numbers while something runs; empty while the total is unknown. `share` is 0..1. */
export function percentText(share: number | undefined): string {
  // 100 % is said only when all is done.
  return share === undefined ? "" : `${Math.floor(share * 100)} %`;
}

/** "97.8 %": one decimal, in statistics. */
export function shareText(part: number, whole: number): string {
  const percent = (part / whole) * 100;
  // Rounding must not hide the one that failed.
  const shown = part < whole ? Math.min(99.9, Math.round(percent * 10) / 10) : 100;
  return `${shown} %`;
}
