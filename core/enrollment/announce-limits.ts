import { ANNOUNCE_PER_WINDOW, ANNOUNCE_WINDOW_MS } from "../../protocol/announce.ts";

/** Announcements of one address, counted from the first in its window. */
export interface AnnounceWindow {
  startedAtMs: number;
  count: number;
}

/**
 * How many ms one more announcement of this address has to wait; 0 when it may go ahead. A window that began in the
 * future was begun by a clock since set back: it holds nobody up for longer than a window lasts.
 */
export function announceWaitMs(window: AnnounceWindow | null, nowMs: number): number {
  if (window === null || window.count < ANNOUNCE_PER_WINDOW) return 0;
  return Math.max(0, Math.min(ANNOUNCE_WINDOW_MS, window.startedAtMs + ANNOUNCE_WINDOW_MS - nowMs));
}
