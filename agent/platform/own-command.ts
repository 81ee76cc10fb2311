import { realpathSync } from "node:fs";
import { isSea } from "node:sea";

/** How this very agent is started again: its one file, or Node and the script; absolute paths. */
export function ownCommand(): string[] {
  return isSea() ? [process.execPath] : [process.execPath, realpathSync(process.argv[1]!)];
}
