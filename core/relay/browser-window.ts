import { BROWSER_SEEN_EVERY_BYTES, BROWSER_WINDOW_BYTES } from "../../protocol/limits.ts";

/**
 * What a browser has been sent of a job's stream and not yet said to have seen. Sizes are UTF-16 units of the frames,
 * which for log text are bytes. Lives in the socket's attachment, hence small and plain.
 */
export interface BrowserWindow {
  /** Last seq sent. */
  cursor: number;
  unseen: number;
  /** [last seq, size] of what is unseen, in steps of 64 KiB and more. */
  marks: [number, number][];
}

export function openWindow(afterSeq: number): BrowserWindow {
  return { cursor: afterSeq, unseen: 0, marks: [] };
}

/** False past 1 MiB unseen: the relay stops, and goes on from storage when the browser has seen some. */
export function hasRoom(window: BrowserWindow): boolean {
  return window.unseen < BROWSER_WINDOW_BYTES;
}

export function noteSent(window: BrowserWindow, lastSeq: number, size: number): void {
  window.cursor = lastSeq;
  window.unseen += size;
  const mark = window.marks.at(-1);
  if (mark && mark[1] < BROWSER_SEEN_EVERY_BYTES) {
    mark[0] = lastSeq;
    mark[1] += size;
  } else window.marks.push([lastSeq, size]);
}

/** The browser has shown everything up to `seq`; a claim beyond what was sent counts as all of it. */
export function noteSeen(window: BrowserWindow, seq: number): void {
  while (window.marks.length > 0 && window.marks[0]![0] <= seq) window.unseen -= window.marks.shift()![1];
}
