import { chmodSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { root } from "../steps.ts";

/**
 * Writes the agent as one CommonJS file that any Node 22.19 or newer runs, and returns the names of the packages that
 * are in it, sorted. The same sources and commit give the same bytes wherever the checkout lies.
 */
export async function bundleAgent(file: string, commit: string | null): Promise<string[]> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [join(root, "agent/main.ts")],
    outfile: file,
    bundle: true,
    platform: "node",
    target: "node22",
    format: "cjs",
    minify: true,
    // ws looks for these native helpers and does without them
    external: ["bufferutil", "utf-8-validate"],
    define: { RM_BUILD_COMMIT: JSON.stringify(commit) },
    banner: { js: "#!/usr/bin/env node" },
    legalComments: "none",
    logLevel: "warning",
    metafile: true,
  });
  chmodSync(file, 0o755);
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs));
  const names = inputs.flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? (packageOf(path) ?? []) : []));
  return [...new Set(names)].toSorted();
}

function packageOf(path: string): string | undefined {
  return /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
}
