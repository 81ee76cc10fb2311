import { readdirSync } from "node:fs";
import { join } from "node:path";
import { SERVICE_PROGRAM } from "../../agent/platform/windows-program.ts";
import { root } from "../steps.ts";

const SOURCES = join(root, "agent/platform/windows");
/** Without its time in the file, the same sources give the same bytes. */
const FLAGS = ["-std=c17", "-O2", "-s", "-municode", "-Wall", "-Wextra", "-Werror", "-Wl,--no-insert-timestamp"];

/** The compiler and its words that make, in the folder it is started in, what Windows runs as the service. */
export function serviceProgramCommand(): { program: string; words: string[]; file: string } {
  const names = readdirSync(SOURCES).filter((name) => name.endsWith(".c"));
  const sources = names.toSorted().map((name) => join(SOURCES, name));
  const words = [...FLAGS, "-o", SERVICE_PROGRAM, ...sources, "-ladvapi32"];
  return { file: SERVICE_PROGRAM, program: "x86_64-w64-mingw32-gcc", words };
}
