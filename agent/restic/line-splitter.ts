const NEWLINE = 0x0a;
const EMPTY = Buffer.alloc(0);

/**
 * Cuts a byte stream into lines without decoding it, so that a line nobody reads costs no more than its search for the
 * end. A line longer than `maxBytes` is given in its first `maxBytes`, the rest is skipped.
 */
export class LineSplitter {
  readonly #maxBytes: number;
  readonly #onLine: (line: Buffer) => void;
  #held: Buffer[] = [];
  #heldBytes = 0;

  constructor(maxBytes: number, onLine: (line: Buffer) => void) {
    this.#maxBytes = maxBytes;
    this.#onLine = onLine;
  }

  push(chunk: Buffer): void {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      this.#give(chunk.subarray(from, end));
      from = end + 1;
    }
    if (from < chunk.length) this.#hold(chunk.subarray(from));
  }

  /** The stream ended: what is left is a line. */
  end(): void {
    if (this.#heldBytes > 0) this.#give(EMPTY);
  }

  #hold(piece: Buffer): void {
    const room = this.#maxBytes - this.#heldBytes;
    if (room <= 0) return;
    this.#held.push(piece.subarray(0, room));
    this.#heldBytes += Math.min(piece.length, room);
  }

  #give(last: Buffer): void {
    if (this.#heldBytes === 0) {
      if (last.length > 0) this.#onLine(last.subarray(0, this.#maxBytes));
      return;
    }
    this.#hold(last);
    const line = this.#held.length === 1 ? this.#held[0]! : Buffer.concat(this.#held);
    this.#held = [];
    this.#heldBytes = 0;
    this.#onLine(line);
  }
}
