import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import type { Download } from "../worker/bindings.ts";

const NAMES: ReadonlySet<string> = new Set(["install.sh", "restic-manager-agent.cjs"]);

/** What a host downloads to join, from the first of `folders` that has it. */
export function downloadsFrom(folders: readonly string[]): (name: string) => Promise<Download | null> {
  return async (name) => {
    if (!NAMES.has(name)) return null;
    for (const folder of folders) {
      const file = await readFile(join(folder, name)).catch(() => null);
      if (file === null) continue;
      return {
        body: new Uint8Array(file),
        contentType: extname(name) === ".sh" ? "text/x-shellscript; charset=utf-8" : "text/javascript; charset=utf-8",
        sha256: createHash("sha256").update(file).digest("hex"),
      };
    }
    return null;
  };
}
