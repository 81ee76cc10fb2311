/** One line of the table and of bench/results.json. `ratio` is figure / ceiling, taken in the same run. */
export interface Row {
  name: string;
  unit: string;
  figure: number;
  ceiling: number;
  ratio: number;
  goal: string;
  pass: boolean;
  /** Why a missed goal is missed, or what the row leaves out. */
  note?: string;
}

/** A workload: measured once per call; the runner calls product and ceiling in turn, A B B A. */
export interface Side<T> {
  product(): Promise<T>;
  ceiling(): Promise<T>;
}

/** Both sides in the order A B B A, so that a drift of the machine falls on both alike. */
export async function abba<T>(side: Side<T>): Promise<{ product: T[]; ceiling: T[] }> {
  const first = await side.product();
  const second = await side.ceiling();
  const third = await side.ceiling();
  const fourth = await side.product();
  return { product: [first, fourth], ceiling: [second, third] };
}

export const best = (values: readonly number[]): number => Math.min(...values);
export const most = (values: readonly number[]): number => Math.max(...values);

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** A row whose ratio must not exceed `limit`. */
export function atMost(name: string, unit: string, figure: number, ceiling: number, limit: number, note?: string): Row {
  const ratio = figure / ceiling;
  return { name, unit, figure, ceiling, ratio, goal: `≤ ${limit}`, pass: ratio <= limit, ...(note ? { note } : {}) };
}

/** A row whose ratio must reach `limit`. */
export function atLeast(
  name: string,
  unit: string,
  figure: number,
  ceiling: number,
  limit: number,
  note?: string,
): Row {
  const ratio = figure / ceiling;
  return { name, unit, figure, ceiling, ratio, goal: `≥ ${limit}`, pass: ratio >= limit, ...(note ? { note } : {}) };
}

/** A row without a goal of its own: what the others cost. */
export function shown(name: string, unit: string, figure: number, ceiling: number): Row {
  return { name, unit, figure, ceiling, ratio: figure / ceiling, goal: "shown", pass: true };
}
