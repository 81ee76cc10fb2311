import { chmodSync, copyFileSync, lstatSync, lutimesSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** A file of a package: its text, or the path of the file to copy; `mode` is 0644 unless given. */
export interface StagedFile {
  path: string;
  content: string | { copyOf: string };
  mode?: number;
}

/** Lays files out below `folder`; folders on the way get mode 0755 whatever the umask. */
export function stage(folder: string, files: readonly StagedFile[]): void {
  for (const { path, content, mode = 0o644 } of files) {
    const target = join(folder, path);
    for (const parent of parentsOf(path)) makeFolder(join(folder, parent));
    if (typeof content === "string") writeFileSync(target, content);
    else copyFileSync(content.copyOf, target);
    chmodSync(target, mode);
  }
}

/** Gives everything below `folder` one time, so that an archive of it is the same wherever and whenever it is made. */
export function setTimes(folder: string, epochSeconds: number): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (lstatSync(path).isDirectory()) setTimes(path, epochSeconds);
    else lutimesSync(path, epochSeconds, epochSeconds);
  }
  lutimesSync(folder, epochSeconds, epochSeconds);
}

function parentsOf(path: string): string[] {
  const parent = dirname(path);
  return parent === "." || parent === "/" ? [] : [...parentsOf(parent), parent];
}

function makeFolder(path: string): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, 0o755);
}
