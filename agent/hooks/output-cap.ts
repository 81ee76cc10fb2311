const MAX_LINES = 2000;
const MAX_BYTES = 1024 * 1024;

/** Lets the first 2,000 lines and 1 MiB of a hook's output through and counts the rest. */
export class OutputCap {
  readonly #onLine: (line: Buffer) => void;
  #lines = 0;
  #bytes = 0;
  dropped = 0;

  constructor(onLine: (line: Buffer) => void) {
    this.#onLine = onLine;
  }

  /** What is only counted is not decoded: a hook may print gigabytes. */
  take(line: Buffer): void {
    if (this.#lines >= MAX_LINES || this.#bytes >= MAX_BYTES) {
      this.dropped += 1;
      return;
    }
    this.#lines += 1;
    this.#bytes += line.length;
    this.#onLine(line);
  }
}
