/** How long a hidden page gathers: it draws nothing, so animation frames do not come. */
const HIDDEN_MS = 1000;
/**
 * How many changes a frame is given follows how long the last one took to work out and draw: a few more after a quick
 * one, half after a long one (the rule of TCP's congestion window, RFC 5681).
 */
const LONG_FRAME_MS = 20;
const FEWEST = 4;
const MORE = 2;

export interface FrameQueue<T> {
  /** `follows`: it must come after all that waits. Else it takes the place of the one it replaces, so that none starves. */
  add(item: T, follows: boolean): void;
  /** Keeps items waiting until `release`, for as long as what they change is being loaded. */
  hold(): void;
  release(): void;
}

/**
 * Gathers items and hands them over in animation frames. A waiting item of the same key is replaced by the newer one, so
 * a burst costs what it changes, not what it says. A frame takes no more than the machine draws in time, the rest waits
 * for the next one: no burst makes the page stand still.
 */
export function createFrameQueue<T>(keyOf: (item: T) => string, flush: (items: T[]) => void): FrameQueue<T> {
  let waiting = new Map<string, T>();
  let booked = false;
  let held = false;
  let atMost = FEWEST;

  function book(): void {
    if (booked || held || waiting.size === 0) return;
    booked = true;
    if (document.hidden) window.setTimeout(run, HIDDEN_MS);
    else requestAnimationFrame(run);
  }

  function run(): void {
    booked = false;
    if (held) return;
    const entries = [...waiting];
    // A hidden page draws nothing, so nothing has to wait.
    const now = document.hidden ? entries.length : Math.min(entries.length, atMost);
    waiting = new Map(entries.slice(now));
    const beganMs = performance.now();
    flush(entries.slice(0, now).map(([, item]) => item));
    // A timeout set within a frame comes when that frame is drawn.
    window.setTimeout(() => {
      if (performance.now() - beganMs > LONG_FRAME_MS) atMost = Math.max(FEWEST, Math.floor(atMost / 2));
      else if (now === atMost) atMost += MORE;
      book();
    });
  }

  return {
    add(item, follows) {
      const key = keyOf(item);
      if (follows) waiting.delete(key);
      waiting.set(key, item);
      book();
    },
    hold() {
      held = true;
    },
    release() {
      held = false;
      book();
    },
  };
}
