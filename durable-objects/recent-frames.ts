/** A frame of records as browsers get it. */
export interface RecordsFrame {
  first: number;
  last: number;
  text: string;
}

const KEEP_UNITS = 4 * 1024 * 1024;

/**
 * Frames of one job that were sent or read a moment ago: browsers that lag behind, each a little differently, read them
 * here and not each from storage. A cache: it may be empty at any moment.
 */
export class RecentFrames {
  readonly #byFirst = new Map<number, RecordsFrame>();
  #size = 0;

  add(frame: RecordsFrame): void {
    if (this.#byFirst.has(frame.first)) return;
    this.#byFirst.set(frame.first, frame);
    this.#size += frame.text.length;
    for (const oldest of this.#byFirst.values()) {
      if (this.#size <= KEEP_UNITS) return;
      this.#byFirst.delete(oldest.first);
      this.#size -= oldest.text.length;
    }
  }

  /** The frame that begins right behind `afterSeq`. */
  next(afterSeq: number): RecordsFrame | null {
    return this.#byFirst.get(afterSeq + 1) ?? null;
  }
}
