import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Makes a rename or a new file in `directory` durable. */
export function syncDirectory(directory: string): void {
  // Windows opens no folder as a file to flush it; NTFS writes names to its journal, at the latest after seconds.
  if (process.platform === "win32") return;
  const fd = openSync(directory, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Replaces `path` whole: after a crash it holds either the old text or the new. Mode 0600. Throws the system's error;
 * one writer per path.
 */
export function writeFileAtomically(path: string, text: string): void {
  const fresh = `${path}.new`;
  rmSync(fresh, { force: true });
  const fd = openSync(fresh, "wx", 0o600);
  try {
    writeFileSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(fresh, path);
  syncDirectory(dirname(path));
}

/**
 * Makes a folder that only its owner can enter. Windows has no modes: there it inherits the list of the folder it lies
 * in, which Platform.privateFolder has made.
 */
export function makePrivateDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
}

/** Whether `error` came from the operating system (disk full, read-only, no permission), hence no bug. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === "string";
}
