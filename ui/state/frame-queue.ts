/** How long a hidden page gathers: it draws nothing, so animation frames do not come. */
const HIDDEN_MS = 1000;

export interface FrameQueue<T> {
  add(item: T): void;
  /** Keeps items waiting until `release`, for as long as what they change is being loaded. */
  hold(): void;
  release(): void;
}

/**
 * Gathers items and hands them over once per animation frame, in order of arrival. A waiting item of the same key is
 * replaced by the newer one, so a burst costs what it changes, not what it says.
 */
export function createFrameQueue<T>(keyOf: (item: T) => string, flush: (items: T[]) => void): FrameQueue<T> {
  let waiting = new Map<string, T>();
  let booked = false;
  let held = false;

  function book(): void {
    if (booked || held || waiting.size === 0) return;
    booked = true;
    if (document.hidden) window.setTimeout(run, HIDDEN_MS);
    else requestAnimationFrame(run);
  }

  function run(): void {
    booked = false;
    if (held) return;
    const items = [...waiting.values()];
    waiting = new Map();
    flush(items);
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
