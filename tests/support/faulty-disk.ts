import type { SpoolDisk } from "../../agent/link/spool/disk.ts";

/** What a test disk throws when the machine dies in the middle of an operation. */
export class PowerCut extends Error {}

interface File {
  /** What survives for sure. */
  durable: Buffer;
  /** What a running program sees. */
  present: Buffer;
  /** Whether the name survives for sure. */
  named: boolean;
}

/**
 * A file system in memory that keeps the promises of a real one and no more: bytes survive once synced, names once
 * their directory is. `cutAfter` lets the machine die within a later operation, `refuse` makes writing fail.
 */
export class FaultyDisk implements SpoolDisk {
  #files = new Map<string, File>();
  #open = new Map<number, string>();
  #nextFd = 3;
  #operationsLeft = Number.POSITIVE_INFINITY;
  refuse = false;
  readonly #chance: () => number;

  /** `chance` is 0..1 and decides what of the unsynced survives. */
  constructor(chance: () => number) {
    this.#chance = chance;
  }

  cutAfter(operations: number): void {
    this.#operationsLeft = operations;
  }

  /** The machine comes back: unsynced bytes are there in part, unsynced names perhaps. */
  restart(): void {
    this.#open = new Map();
    this.#operationsLeft = Number.POSITIVE_INFINITY;
    for (const [path, file] of this.#files) {
      if (!file.named && this.#chance() < 0.5) {
        this.#files.delete(path);
        continue;
      }
      const torn = Math.floor(this.#chance() * (file.present.length + 1));
      const survived = Buffer.alloc(Math.max(torn, file.durable.length));
      file.durable.copy(survived);
      // Unsynced writes reach the disk in any amount; what was synced below them is the same bytes.
      file.present.copy(survived, 0, 0, torn);
      // Nor do they reach it in order: a block that did not make it is zeroes.
      const unsynced = survived.length - file.durable.length;
      const hole = file.durable.length + Math.floor(this.#chance() * unsynced);
      survived.fill(0, hole, hole + Math.floor(this.#chance() * (survived.length - hole)));
      this.#files.set(path, { durable: survived, present: Buffer.from(survived), named: true });
    }
  }

  makeDirectory(): void {
    this.#write();
  }
  list(directory: string): string[] {
    return [...this.#files.keys()]
      .filter((path) => path.startsWith(`${directory}/`))
      .map((path) => path.slice(directory.length + 1));
  }
  read(path: string): Buffer {
    return Buffer.from(this.#file(path).present);
  }
  readRange(path: string, from: number, to: number): Buffer {
    return Buffer.from(this.#file(path).present.subarray(from, to));
  }
  create(path: string): number {
    this.#write();
    const known = this.#files.get(path);
    this.#files.set(path, {
      durable: known?.durable ?? Buffer.alloc(0),
      present: Buffer.alloc(0),
      named: known?.named ?? false,
    });
    return this.open(path);
  }
  open(path: string): number {
    const fd = this.#nextFd++;
    this.#open.set(fd, path);
    return fd;
  }
  writeAt(fd: number, bytes: Buffer, position: number): void {
    const file = this.#file(this.#open.get(fd)!);
    const apply = (part: Buffer) => {
      const grown = Buffer.alloc(Math.max(file.present.length, position + part.length));
      file.present.copy(grown);
      part.copy(grown, position);
      file.present = grown;
    };
    try {
      this.#write();
    } catch (error) {
      apply(bytes.subarray(0, Math.floor(this.#chance() * bytes.length)));
      throw error;
    }
    apply(bytes);
  }
  sync(fd: number): void {
    this.#write();
    const file = this.#file(this.#open.get(fd)!);
    file.durable = Buffer.from(file.present);
  }
  syncDirectory(): void {
    this.#write();
    for (const file of this.#files.values()) file.named = true;
  }
  close(fd: number): void {
    this.#open.delete(fd);
  }
  remove(path: string): void {
    this.#write();
    for (const name of this.#files.keys()) if (name === path || name.startsWith(`${path}/`)) this.#files.delete(name);
  }

  #file(path: string): File {
    const file = this.#files.get(path);
    if (!file) throw Object.assign(new Error(`no ${path}`), { code: "ENOENT", syscall: "open" });
    return file;
  }
  #write(): void {
    if (this.#operationsLeft-- <= 0) throw new PowerCut();
    if (this.refuse) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC", syscall: "write" });
  }
}
