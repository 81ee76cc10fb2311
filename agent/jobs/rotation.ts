import { readFileSync } from "node:fs";
import * as v from "valibot";
import { count } from "../../protocol/scalars.ts";
import { isSystemError, writeFileAtomically } from "../disk/atomic-file.ts";

/** The part read last, by repository and by the number of parts, since two schedules may divide it differently. */
const contentSchema = v.record(v.string(), v.record(v.string(), count));
type Content = v.InferOutput<typeof contentSchema>;

/** Which part of a repository's data a check reads next, 1..of: each follows the one that was last read whole. */
export function nextPart(file: string, repositoryId: string, of: number): number {
  const last = load(file)[repositoryId]?.[of] ?? 0;
  return (last % of) + 1;
}

/** Keeps that a part was read; where the disk refuses, the next check reads it again. */
export function keepPart(file: string, repositoryId: string, of: number, part: number): void {
  const content = load(file);
  const changed = { ...content, [repositoryId]: { ...content[repositoryId], [of]: part } };
  try {
    writeFileAtomically(file, JSON.stringify(changed));
  } catch (error) {
    if (!isSystemError(error)) throw error;
  }
}

/** A file that is missing or damaged begins the rotation anew. */
function load(file: string): Content {
  try {
    const parsed = v.safeParse(contentSchema, JSON.parse(readFileSync(file, "utf8")));
    return parsed.success ? parsed.output : {};
  } catch (error) {
    if (error instanceof SyntaxError || isSystemError(error)) return {};
    throw error;
  }
}
