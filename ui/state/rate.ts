/** Throughput of a running job from its progress: smoothed, with the last minute for a line. */
export interface Rate {
  bytesPerSecond: number;
  /** One value a progress message, oldest first, at most 60. */
  recent: readonly number[];
  last: { bytes: number; atMs: number };
}

const SMOOTHING = 0.3;
const RECENT = 60;

/** The rate after one more measure; the first one only sets the start. Bytes that fall (a new phase) start over. */
export function stepRate(rate: Rate | null, bytes: number, atMs: number): Rate {
  if (rate === null || bytes < rate.last.bytes) return { bytesPerSecond: 0, recent: [], last: { bytes, atMs } };
  const seconds = (atMs - rate.last.atMs) / 1000;
  if (seconds <= 0) return rate;
  const present = (bytes - rate.last.bytes) / seconds;
  const bytesPerSecond =
    rate.recent.length === 0 ? present : rate.bytesPerSecond + SMOOTHING * (present - rate.bytesPerSecond);
  return { bytesPerSecond, recent: [...rate.recent, bytesPerSecond].slice(-RECENT), last: { bytes, atMs } };
}
