import { join } from "node:path";
import type { SpoolDisk } from "./disk.ts";

/**
 * How many lines were not taken since the last mark, on disk as `<count> <tail when it was kept>`: a mark numbered
 * after that tail says that the count is settled, whenever the machine died.
 */
export class DroppedCount {
  readonly #path: string;
  readonly #directory: string;
  readonly #disk: SpoolDisk;
  #kept = 0;
  lines = 0;

  constructor(directory: string, disk: SpoolDisk) {
    this.#path = join(directory, "dropped");
    this.#directory = directory;
    this.#disk = disk;
  }

  /** `marked`: seq of the last mark in the spool, 0 without one. */
  load(marked: number): void {
    if (!this.#disk.list(this.#directory).includes("dropped")) return;
    const [lines = 0, tail = 0] = this.#disk.read(this.#path).toString("latin1").trim().split(" ").map(Number);
    this.#kept = lines;
    this.lines = marked > tail ? 0 : lines;
  }

  /** Throws the system's error. */
  keep(tail: number): void {
    if (this.lines === this.#kept) return;
    // Written over in place and always as long, so that the former count stands until this one does.
    const text = `${this.lines} ${tail}\n`.padStart(40);
    const fd = this.#kept === 0 ? this.#disk.create(this.#path) : this.#disk.open(this.#path);
    try {
      this.#disk.writeAt(fd, Buffer.from(text), 0);
      this.#disk.sync(fd);
      this.#disk.syncDirectory(this.#directory);
    } finally {
      this.#disk.close(fd);
    }
    this.#kept = this.lines;
  }
}
