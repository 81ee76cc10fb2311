const MAX_LINES = 2000;
const MAX_BYTES = 1024 * 1024;

/** Lets the first 2,000 lines and 1 MiB of a hook's output through and counts the rest. */
export class OutputCap {
  readonly #onLine: (line: string) => void;
  #lines = 0;
  #bytes = 0;
  dropped = 0;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  take(line: string): void {
    if (this.#lines >= MAX_LINES || this.#bytes >= MAX_BYTES) {
      this.dropped += 1;
      return;
    }
    this.#lines += 1;
    this.#bytes += Buffer.byteLength(line);
    this.#onLine(line);
  }
}
