/** How long a hidden page gathers: it draws nothing, so animation frames do not come. */
const HIDDEN_MS = 1000;
/** Work and drawing of a frame that took longer halves what the next one is given; a faster one doubles it. */
const LONG_FRAME_MS = 25;
const FEWEST = 4;
const MOST = 1024;

export interface FrameQueue<T> {
  add(item: T): void;
  /** Keeps items waiting until `release`, for as long as what they change is being loaded. */
  hold(): void;
  release(): void;
}

/**
 * Gathers items and hands them over once per animation frame, in order of arrival. A waiting item of the same key is
 * replaced by the newer one, so a burst costs what it changes, not what it says. A frame takes no more than the machine
 * draws in time, the rest waits for the next one: no burst makes the page stand still.
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
      if (performance.now() - beganMs > LONG_FRAME_MS) atMost = Math.max(FEWEST, atMost / 2);
      else if (now === atMost) atMost = Math.min(MOST, atMost * 2);
      book();
    });
  }

  return {
    add(item) {
      const key = keyOf(item);
      waiting.delete(key);
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
