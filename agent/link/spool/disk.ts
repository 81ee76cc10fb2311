import { closeSync, fdatasyncSync, openSync, readdirSync, readFileSync, readSync, rmSync, writeSync } from "node:fs";
import { makePrivateDirectory, syncDirectory } from "../../disk/atomic-file.ts";

/** The file system as a spool uses it. Every function throws the system's error. */
export interface SpoolDisk {
  makeDirectory(path: string): void;
  list(directory: string): string[];
  read(path: string): Buffer;
  /** Bytes [from, to) of a file that `create` opened or of any other by its path. */
  readRange(path: string, from: number, to: number): Buffer;
  /** A new or emptied file, known to its directory after `syncDirectory`. */
  create(path: string): number;
  open(path: string): number;
  writeAt(fd: number, bytes: Buffer, position: number): void;
  sync(fd: number): void;
  syncDirectory(path: string): void;
  close(fd: number): void;
  remove(path: string): void;
}

export const realDisk: SpoolDisk = {
  makeDirectory: makePrivateDirectory,
  list: (directory) => readdirSync(directory),
  read: (path) => readFileSync(path),
  readRange(path, from, to) {
    const fd = openSync(path, "r");
    try {
      const bytes = Buffer.allocUnsafe(to - from);
      let at = 0;
      while (at < bytes.length) {
        const count = readSync(fd, bytes, at, bytes.length - at, from + at);
        if (count === 0) break;
        at += count;
      }
      return bytes.subarray(0, at);
    } finally {
      closeSync(fd);
    }
  },
  create: (path) => openSync(path, "w+", 0o600),
  open: (path) => openSync(path, "r+"),
  writeAt(fd, bytes, position) {
    let at = 0;
    while (at < bytes.length) at += writeSync(fd, bytes, at, bytes.length - at, position + at);
  },
  sync: (fd) => fdatasyncSync(fd),
  syncDirectory,
  close: (fd) => closeSync(fd),
  remove: (path) => rmSync(path, { recursive: true, force: true }),
};
