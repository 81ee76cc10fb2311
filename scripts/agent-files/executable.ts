import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nodeBinary } from "./node-binary.ts";
import type { Target } from "./targets.ts";

/** Node looks for this text in itself and takes the digit behind it for "a program is inside" (Node 24, SEA). */
const FUSE = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";

/**
 * Packs the bundle for Node's single executable applications and returns the file of the blob, in `folder`. One blob
 * serves all targets: a code cache or a snapshot would hold machine code, and brings no start-up time here.
 */
export function packBlob(folder: string, bundle: string): string {
  const config = {
    main: bundle, // relative to `folder`: this text is in the blob, and the bytes must not tell where it was built
    output: "agent.blob",
    disableExperimentalSEAWarning: true,
    useCodeCache: false,
    useSnapshot: false,
  };
  writeFileSync(join(folder, "sea.json"), JSON.stringify(config));
  run(folder, process.execPath, ["--experimental-sea-config", "sea.json"]);
  return "agent.blob";
}

/** Writes the target's Node with the blob inside to `folder`; returns its path. */
export function writeExecutable(folder: string, blob: string, target: Target): string {
  const file = join(folder, target.file);
  copyFileSync(nodeBinary(target), file);
  chmodSync(file, 0o755);
  // before injecting: strip would drop what it does not know
  if (target.strip) run(folder, target.strip, [target.file]);
  run(folder, "postject", [target.file, "NODE_SEA_BLOB", blob, "--sentinel-fuse", FUSE]);
  return file;
}

function run(folder: string, program: string, words: readonly string[]): void {
  try {
    execFileSync(program, words, { cwd: folder, stdio: ["ignore", "pipe", "pipe"], encoding: "utf8" });
  } catch (error) {
    const { code, stderr } = error as { code?: string; stderr?: string };
    if (code === "ENOENT")
      throw new Error(`${program} is not installed. Run scripts/setup-packaging.sh.`, { cause: error });
    throw new Error(`${program} ${words.join(" ")} failed: ${stderr ?? String(error)}`, { cause: error });
  }
}
