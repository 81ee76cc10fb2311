import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nodeBinary } from "./node-binary.ts";
import { serviceProgramCommand } from "./service-program.ts";
import type { Target } from "./targets.ts";

/** Node looks for this text in itself and takes the digit behind it for "a program is inside" (Node 24, SEA). */
const FUSE = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";

/** Builds what Windows runs as the service, in `folder`; returns the file's name. */
export function buildServiceProgram(folder: string): string {
  const { program, words, file } = serviceProgramCommand();
  run(folder, program, words);
  return file;
}

/**
 * Packs the bundle and the files it carries for Node's single executable applications, and returns the file of the blob,
 * in `folder`. No code cache and no snapshot: they would hold machine code, and bring no start-up time here.
 */
export function packBlob(folder: string, bundle: string, carried: readonly string[]): string {
  const config = {
    main: bundle, // relative to `folder`: this text is in the blob, and the bytes must not tell where it was built
    output: carried.length === 0 ? "agent.blob" : "agent-carrying.blob",
    disableExperimentalSEAWarning: true,
    ...(carried.length === 0 ? {} : { assets: Object.fromEntries(carried.map((file) => [file, file])) }),
    useCodeCache: false,
    useSnapshot: false,
  };
  writeFileSync(join(folder, "sea.json"), JSON.stringify(config));
  run(folder, process.execPath, ["--experimental-sea-config", "sea.json"]);
  return config.output;
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
