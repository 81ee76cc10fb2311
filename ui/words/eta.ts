import { durationText } from "./time.ts";

const SETTLE_MS = 10_000;
const UPWARD_SHARE = 1.2;

/** To 10 s below two minutes, to 1 min below half an hour, else to 5 min; never below 10 s. */
export function roundEtaMs(etaMs: number): number {
  const step = etaMs < 120_000 ? 10_000 : etaMs < 30 * 60_000 ? 60_000 : 5 * 60_000;
  return Math.max(10_000, Math.round(etaMs / step) * step);
}

/**
 * The estimate to show next, rounded, in ms; null while there is none. None is shown for the first 10 s of a run, and
 * a shown one never counts upward by less than 20 %, so that it does not flicker.
 */
export function decideEta(seen: {
  runningMs: number;
  etaMs: number | undefined;
  shownMs: number | null;
}): number | null {
  if (seen.etaMs === undefined || seen.runningMs < SETTLE_MS) return null;
  const rounded = roundEtaMs(seen.etaMs);
  if (seen.shownMs === null || rounded < seen.shownMs) return rounded;
  return rounded >= seen.shownMs * UPWARD_SHARE ? rounded : seen.shownMs;
}

/** "About 6 min left", or "Estimating" while there is no estimate. */
export function etaText(etaMs: number | null): string {
  return etaMs === null ? "Estimating" : `About ${durationText(etaMs)} left`;
}
