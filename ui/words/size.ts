const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] as const;

/** Bytes in binary units with three significant figures: "4.82 TiB", "84 MiB", "0 B". */
export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 999.5 would round to four figures, so it belongs to the next unit.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  if (unit === 0) return `${Math.round(value)} B`;
  const decimals = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  // Trailing zeros say nothing: "84 MiB", not "84.0 MiB".
  return `${Number(value.toFixed(decimals))} ${UNITS[unit]}`;
}

/** A change in size, always signed: "+9.6 GiB", "−112 GiB" (U+2212). */
export function sizeChangeText(bytes: number): string {
  return `${bytes < 0 ? "\u2212" : "+"}${sizeText(Math.abs(bytes))}`;
}

export function rateText(bytesPerSecond: number): string {
  return `${sizeText(bytesPerSecond)}/s`;
}

/** "3.6 : 1": how much larger `whole` is than `part`. */
export function ratioText(whole: number, part: number): string {
  return `${(whole / part).toFixed(1)} : 1`;
}

/** A count with separators: "1,285,204". */
export function countText(count: number): string {
  return count.toLocaleString("en-US");
}

/** "1 host", "16 hosts". */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`;
}
