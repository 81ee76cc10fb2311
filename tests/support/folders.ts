import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atExit } from "./at-exit.ts";

const made = new Set<string>();
atExit(() => {
  for (const path of made) removeFolder(path);
});

/** A new empty folder below the system's temporary one; gone at the latest when this process ends. */
export function temporaryFolder(name = "test"): string {
  const path = mkdtempSync(join(tmpdir(), `restic-manager-${name}-`));
  made.add(path);
  return path;
}

/** Removes a folder of `temporaryFolder` now; it may be gone already. */
export function removeFolder(path: string): void {
  made.delete(path);
  rmSync(path, { recursive: true, force: true, maxRetries: 3 });
}
