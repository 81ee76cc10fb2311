import { parseArgs } from "node:util";
import { runStep } from "./steps.ts";

/** The cut tests, each `--repeat N` times. */
const { values } = parseArgs({ options: { repeat: { type: "string", default: "1" } } });
if (!/^[1-9]\d*$/.test(values.repeat)) {
  console.error("Say how often as a whole number: npm run test:cuts -- --repeat 20");
  process.exit(2);
}
process.env["RM_REPEAT"] = values.repeat;
const args = ["run", "--config", "vitest.cuts.config.ts"];
const run = await runStep({ name: "cut tests", command: "vitest", args }, { stream: true });
process.exitCode = run.ok ? 0 : 1;
