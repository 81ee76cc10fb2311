/** KiB/s as the MiB/s that a person types, with as few decimals as name the same number: 102400 is "100". */
export function mibText(kibPerSecond: number): string {
  let decimals = 0;
  // Four always do: a ten-thousandth of a MiB is a tenth of a KiB.
  while (Math.round(Number((kibPerSecond / 1024).toFixed(decimals)) * 1024) !== kibPerSecond) decimals += 1;
  return (kibPerSecond / 1024).toFixed(decimals);
}

/** Typed MiB/s as whole KiB/s; undefined for an empty field, null when it is no number. "1.5" is 1536. */
export function kibOf(text: string): number | undefined | null {
  const typed = text.trim();
  if (typed === "") return undefined;
  if (!/^-?\d{1,9}(\.\d{1,6})?$/.test(typed)) return null;
  return Math.round(Number(typed) * 1024);
}

/** A limit with its unit: "1.5 MiB/s". */
export function limitText(kibPerSecond: number): string {
  return `${mibText(kibPerSecond)} MiB/s`;
}
