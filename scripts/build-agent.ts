import { statSync } from "node:fs";
import { join } from "node:path";
import { bundleAgent } from "./agent-files/bundle.ts";
import { sourceCommit } from "./agent-files/source-commit.ts";
import { root } from "./steps.ts";

/** The agent for a Node that is already there; `npm run build:agent` makes the files that bring their own. */
const file = join(root, "dist/agent/restic-manager-agent.cjs");
await bundleAgent(file, sourceCommit()?.name ?? null);
console.log(`dist/agent/restic-manager-agent.cjs: ${Math.round(statSync(file).size / 1024)} KiB`);
