import { signal } from "@preact/signals";

let skewMs = 0;

/** The server's time in ms UTC, kept to the second while the page is visible. */
export const now = signal(Date.now());

/** Learns the server's clock, so that "42 min ago" is right on a machine whose own clock is not. */
export function learnServerTime(timeMs: number): void {
  skewMs = timeMs - Date.now();
  tick();
}

function tick(): void {
  now.value = Date.now() + skewMs;
}

window.setInterval(() => {
  if (!document.hidden) tick();
}, 1000);
document.addEventListener("visibilitychange", tick);
