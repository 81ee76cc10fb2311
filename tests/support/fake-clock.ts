/** A clock that stands until it is moved, with the timers that wait for it. */
export class FakeClock {
  #nowMs: number;
  readonly #timers = new Set<{ atMs: number; task: () => void }>();

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  readonly nowMs = (): number => this.#nowMs;

  readonly after = (afterMs: number, task: () => void): (() => void) => {
    const timer = { atMs: this.#nowMs + afterMs, task };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  };

  /** Moves on, and runs each timer at its time. */
  pass(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const next = [...this.#timers].toSorted((a, b) => a.atMs - b.atMs)[0];
      if (!next || next.atMs > untilMs) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.task();
    }
    this.#nowMs = untilMs;
  }
}
