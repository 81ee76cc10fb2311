import { chmodSync, statSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { root } from "./steps.ts";

/** The agent as one file that any Node 22.19 or newer runs: dist/agent/restic-manager-agent.cjs. */
const out = join(root, "dist/agent/restic-manager-agent.cjs");
await build({
  entryPoints: [join(root, "agent/main.ts")],
  outfile: out,
  bundle: true,
  platform: "node",
  target: "node22",
  format: "cjs",
  minify: true,
  // ws looks for these native helpers and does without them
  external: ["bufferutil", "utf-8-validate"],
  banner: { js: "#!/usr/bin/env node" },
  legalComments: "none",
  logLevel: "warning",
});
chmodSync(out, 0o755);
console.log(`dist/agent/restic-manager-agent.cjs: ${Math.round(statSync(out).size / 1024)} KiB`);
