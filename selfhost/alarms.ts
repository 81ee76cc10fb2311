/** Timers wait at most this long in one piece (setTimeout's own limit is 2^31 - 1 ms). */
const LONGEST_WAIT_MS = 24 * 3600_000;

/** Every relay's alarm on one timer. In memory: what a new process must wake for follows from the relays' rows. */
export class Alarms {
  readonly #at = new Map<string, number>();
  readonly #now: () => number;
  readonly #ring: (name: string) => void;
  #timer: NodeJS.Timeout | null = null;
  #timerAtMs = Number.POSITIVE_INFINITY;

  constructor(now: () => number, ring: (name: string) => void) {
    this.#now = now;
    this.#ring = ring;
  }

  set(name: string, atMs: number): void {
    this.#at.set(name, atMs);
    if (atMs < this.#timerAtMs) this.#wait(atMs);
  }

  delete(name: string): void {
    this.#at.delete(name);
  }

  /** Rings what is due; an alarm rings once. */
  ringDue(): void {
    const nowMs = this.#now();
    let next = Number.POSITIVE_INFINITY;
    const due: string[] = [];
    for (const [name, atMs] of this.#at) {
      if (atMs <= nowMs) due.push(name);
      else next = Math.min(next, atMs);
    }
    this.#wait(next);
    for (const name of due) {
      this.delete(name);
      this.#ring(name);
    }
  }

  stop(): void {
    this.#wait(Number.POSITIVE_INFINITY);
  }

  #wait(atMs: number): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#timerAtMs = atMs;
    if (atMs === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.min(Math.max(0, atMs - this.#now()), LONGEST_WAIT_MS);
    this.#timer = setTimeout(() => this.ringDue(), delayMs);
    this.#timer.unref();
  }
}
