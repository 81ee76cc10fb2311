import { execFileSync } from "node:child_process";
import { realpathSync } from "node:fs";
import { root } from "../steps.ts";

export interface SourceCommit {
  /** 40 hexadecimal digits, and `-dirty` when files under version control differ from the commit. */
  name: string;
  timeSeconds: number;
}

/** The commit of this checkout; null without git, or where the sources lie in a checkout of something else. */
export function sourceCommit(): SourceCommit | null {
  try {
    if (realpathSync(git("rev-parse", "--show-toplevel")) !== realpathSync(root)) return null;
    const [hash = "", seconds = ""] = git("log", "-1", "--format=%H %ct").split(" ");
    const changed = git("status", "--porcelain", "--untracked-files=no") !== "";
    return { name: changed ? `${hash}-dirty` : hash, timeSeconds: Number(seconds) };
  } catch {
    return null;
  }
}

function git(...words: string[]): string {
  return execFileSync("git", words, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
}
