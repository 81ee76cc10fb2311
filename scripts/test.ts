import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runStep, type Step } from "./steps.ts";

/** Every suite once, then their sum; the last line is `N passed, N failed`. A suite that crashed counts as failed. */
const suites = [
  { name: "unit and contract tests", config: "vitest.config.ts" },
  { name: "tests in workerd", config: "vitest.workers.config.ts" },
  { name: "end-to-end tests", config: "vitest.e2e.config.ts" },
  { name: "cut tests", config: "vitest.cuts.config.ts" },
];

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** What we read of vitest's JSON report. */
interface Report {
  testResults: { name: string; status: string; assertionResults: { status: string; fullName: string }[] }[];
}

const fetchArgs = ["scripts/fetch-restic.sh", ".tools"];
const folder = mkdtempSync(join(tmpdir(), "restic-manager-tests-"));
const total: Counts = { passed: 0, failed: 0, skipped: 0 };
const lines: string[] = [];
const skipped: string[] = [];

try {
  await prepare({ name: "restic and rest-server from Debian, into .tools/", command: "sh", args: fetchArgs });
  await prepare({ name: "build", command: "node", args: ["scripts/build.ts"] });
  process.env["RM_BUILT"] = "1";
  for (const suite of suites) add(suite.name, await runSuite(suite));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

console.log(`\n${lines.join("\n")}`);
for (const name of skipped) console.log(`skipped: ${name}`);
if (total.skipped > 0) console.log(`${total.skipped} skipped`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;

async function prepare(step: Step): Promise<void> {
  console.log(`\n== ${step.name}`);
  if ((await runStep(step, { stream: true })).ok) return;
  lines.push(`${step.name}: failed`);
  total.failed += 1;
}

async function runSuite(suite: { name: string; config: string }): Promise<Counts> {
  console.log(`\n== ${suite.name}`);
  const report = join(folder, `${suite.config}.json`);
  const args = [
    "run",
    "--config",
    suite.config,
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
  ];
  const run = await runStep({ name: suite.name, command: "vitest", args }, { stream: true });
  const counts = readReport(report);
  if (!run.ok && counts.failed === 0) counts.failed = 1;
  return counts;
}

function readReport(path: string): Counts {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  let report: Report;
  try {
    report = JSON.parse(readFileSync(path, "utf8")) as Report;
  } catch {
    return { ...counts, failed: 1 };
  }
  for (const file of report.testResults) {
    const before = counts.failed;
    for (const test of file.assertionResults) {
      if (test.status === "passed") counts.passed += 1;
      else if (test.status === "failed") counts.failed += 1;
      else {
        counts.skipped += 1;
        skipped.push(test.fullName);
      }
    }
    if (file.status === "failed" && counts.failed === before) counts.failed += 1; // it did not even load
  }
  if (report.testResults.length === 0) counts.failed += 1;
  return counts;
}

function add(name: string, counts: Counts): void {
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped += counts.skipped;
  lines.push(`${name}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
}
