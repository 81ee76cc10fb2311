import { statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildAgentFiles } from "./agent-files/build.ts";
import { buildTwice } from "./agent-files/same-bytes.ts";
import { TARGETS } from "./agent-files/targets.ts";
import { root } from "./steps.ts";

/**
 * The agent as one file per platform, with Node inside: dist/agent/restic-manager-agent-linux-amd64 and its siblings.
 * `--check` builds the last commit twice instead, in two folders, and compares: dist/ stays as it is.
 */
const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } });
if (values.check) {
  console.log(`Two builds of the last commit are equal:\n${buildTwice()}`);
} else {
  const out = join(root, "dist/agent");
  await buildAgentFiles(out);
  for (const { file } of TARGETS)
    console.log(`dist/agent/${file}: ${(statSync(join(out, file)).size / 1e6).toFixed(1)} MB`);
}
