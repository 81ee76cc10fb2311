import { readFileSync, writeFileSync } from "node:fs";
import * as v from "valibot";
import { statePath, type Directories } from "./config/directories.ts";

const statusSchema = v.object({ connected: v.boolean(), sinceMs: v.number(), why: v.string() });
export type LinkStatus = v.InferOutput<typeof statusSchema>;

/** What `status` shows of the running agent's link. Written on changes only, and lost without harm. */
export function writeStatus(directories: Directories, status: LinkStatus): void {
  try {
    writeFileSync(statePath(directories, "status.json"), JSON.stringify(status), { mode: 0o600 });
  } catch {
    // A disk that refuses is told elsewhere; this file is a courtesy.
  }
}

export function readStatus(directories: Directories): LinkStatus | null {
  try {
    const parsed = v.safeParse(statusSchema, JSON.parse(readFileSync(statePath(directories, "status.json"), "utf8")));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}
