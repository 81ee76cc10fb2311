import { readdirSync } from "node:fs";
import { join } from "node:path";
import { SERVICE_PROGRAM } from "../../agent/platform/windows-program.ts";
import { root } from "../steps.ts";

const SOURCES = join(root, "agent/platform/windows");

/** The compiler and its words that make what Windows runs as the service; the same sources give the same bytes. */
export function serviceProgramCommand(): { program: string; words: string[]; file: string } {
  const sources = readdirSync(SOURCES).filter((name) => name.endsWith(".c"));
  return {
    file: SERVICE_PROGRAM,
    program: "x86_64-w64-mingw32-gcc",
    words: [
      ...["-std=c17", "-O2", "-s", "-municode", "-Wall", "-Wextra", "-Werror"],
      "-Wl,--no-insert-timestamp",
      ...["-o", SERVICE_PROGRAM, ...sources.toSorted().map((name) => join(SOURCES, name)), "-ladvapi32"],
    ],
  };
}
