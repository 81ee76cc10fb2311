import { parseArgs } from "node:util";
import { runStep } from "./steps.ts";

/** The cut tests, `--repeat N` times over; stops at the first run that fails. */
const { values } = parseArgs({ options: { repeat: { type: "string", default: "1" } } });
const repeat = Number(values.repeat);
if (!Number.isInteger(repeat) || repeat < 1) {
  console.error("Say how often as a whole number: npm run test:cuts -- --repeat 20");
  process.exit(2);
}
for (let round = 1; round <= repeat; round++) {
  console.log(`\n== cut tests, round ${round} of ${repeat}`);
  const args = ["run", "--config", "vitest.cuts.config.ts"];
  const run = await runStep({ name: "cut tests", command: "vitest", args }, { stream: true });
  if (!run.ok) {
    console.log(`Round ${round} of ${repeat} failed.`);
    process.exit(1);
  }
  process.env["RM_BUILT"] = "1"; // the first round built it
}
console.log(`${repeat} of ${repeat} rounds passed.`);
