import { BROWSER_WINDOW_BYTES } from "../protocol/limits.ts";

/** A frame of records as browsers get it. */
export interface RecordsFrame {
  first: number;
  last: number;
  text: string;
}

/**
 * The tail of a job's stream as it was sent, about as much as a browser may lag behind: ten browsers that are a little
 * late read it here and not each from storage. A cache: it may be empty at any moment.
 */
export class RecentFrames {
  #frames: RecordsFrame[] = [];
  #size = 0;

  add(frame: RecordsFrame): void {
    const before = this.#frames.at(-1);
    if (before && before.last !== frame.first - 1) this.#clear();
    this.#frames.push(frame);
    this.#size += frame.text.length;
    while (this.#size > 2 * BROWSER_WINDOW_BYTES) this.#size -= this.#frames.shift()!.text.length;
  }

  /** The frame that begins right behind `afterSeq`. */
  next(afterSeq: number): RecordsFrame | null {
    const oldest = this.#frames[0];
    if (!oldest || afterSeq < oldest.first - 1) return null;
    return this.#frames.findLast((frame) => frame.first === afterSeq + 1) ?? null;
  }

  #clear(): void {
    this.#frames = [];
    this.#size = 0;
  }
}
