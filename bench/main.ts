import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { click } from "./click.ts";
import { consoleLoad } from "./console.ts";
import { dashboard } from "./dashboard.ts";
import { idle } from "./idle.ts";
import { ingest } from "./ingest.ts";
import { overhead } from "./overhead.ts";
import type { Row } from "./row.ts";
import { rowsWritten } from "./rows-written.ts";
import { start } from "./start.ts";
import { storm } from "./storm.ts";

/** `npm run bench [-- --only b,c]`: every workload, product and ceiling in one run; a table and bench/results.json. */
const workloads = {
  a: idle,
  b: ingest,
  c: storm,
  d: dashboard,
  e: overhead,
  f: click,
  h: consoleLoad,
  i: start,
  j: rowsWritten,
};

const { values: options } = parseArgs({ options: { only: { type: "string" } } });
const wanted = options.only?.split(",") ?? Object.keys(workloads);

const rows: Row[] = [];
for (const [key, run] of Object.entries(workloads)) {
  if (!wanted.includes(key)) continue;
  process.stderr.write(`running ${key}\n`);
  rows.push(...(await run()));
}

const round = (value: number) => (Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3)));
const cells = rows.map((row) => [
  row.name,
  `${round(row.figure)} ${row.unit}`,
  `${round(row.ceiling)} ${row.unit}`,
  String(round(row.ratio)),
  row.goal,
  row.pass ? "met" : "missed",
]);
const head = ["workload", "restic-manager", "ceiling", "ratio", "goal", ""];
for (const line of [head, head.map(() => "---"), ...cells]) process.stdout.write(`| ${line.join(" | ")} |\n`);
for (const row of rows) if (row.note) process.stdout.write(`\n${row.name}: ${row.note}\n`);
process.stdout.write(`\n${cpus().length} cores, load average ${loadavg()[0]!.toFixed(1)} at the end.\n`);

if (options.only === undefined) {
  const file = fileURLToPath(new URL("results.json", import.meta.url));
  writeFileSync(file, `${JSON.stringify(rows, null, 2)}\n`);
}
