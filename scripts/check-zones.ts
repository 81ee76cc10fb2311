import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { nextFire } from "../core/schedule/next-fire.ts";
import { clockChanges, MINUTE_MS, oracleFires, wallsOf, type ClockChange } from "../tests/support/fire-oracle.ts";

/**
 * Every zone that this runtime knows, every change of its clock from 2024 to 2037: the fires of a set of crons around
 * it against the oracle. Beyond that, a daily schedule fires on each day of those years once. Zones with the same
 * clock are looked at once. Takes some minutes; writes docs/zones.md.
 */
const FROM_MS = Date.UTC(2024, 0, 1);
const TO_MS = Date.UTC(2038, 0, 1);
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const CRONS = [
  "* * * * *",
  "*/7 * * * *",
  "0 * * * *",
  "30 * * * *",
  "15 */2 * * *",
  "0 */6 * * *",
  "0 0 * * *",
  "30 0 * * *",
  "59 23 * * *",
  "0 1 * * *",
  "30 1 * * *",
  "0 2 * * *",
  "15 2 * * *",
  "45 2 * * *",
  "0 3 * * *",
  "0,30 0-4 * * *",
  "10 0-23 * * *",
  "*/20 1-2 * * *",
  "30 2 * * 0",
  "30 2 28-31 * 6",
];

const zones = Intl.supportedValuesOf("timeZone");
const changesOfZone = new Map(zones.map((zone) => [zone, clockChanges(zone, FROM_MS, TO_MS, HOUR_MS)]));

/** One zone of each different clock. */
const clocks = new Map<string, { zone: string; changes: ClockChange[] }>();
/** One zone of each different change. */
const windows = new Map<string, { zone: string; change: ClockChange }>();
for (const [zone, changes] of changesOfZone) {
  const [wall] = wallsOf(zone, FROM_MS, FROM_MS + MINUTE_MS).wallsMs;
  clocks.set(JSON.stringify([wall, changes]), { zone, changes });
  for (const change of changes) windows.set(JSON.stringify(change), { zone, change });
}

const faults: string[] = [];
let fireCount = 0;

for (const { zone, change } of windows.values()) {
  // No change of these years is as large as three hours.
  const walls = wallsOf(zone, change.atMs - 6 * HOUR_MS, change.atMs + 6 * HOUR_MS);
  for (const cron of CRONS) {
    const fromMs = change.atMs - 3 * HOUR_MS;
    const fires = firesOf(zone, cron, fromMs, change.atMs + 6 * HOUR_MS);
    const expected = oracleFires(cron, walls).filter((at) => at >= fromMs);
    fireCount += fires.length;
    if (fires.join() !== expected.join()) faults.push(`${zone}, ${iso(change.atMs)}, "${cron}": not as the oracle`);
  }
}

for (const { zone, changes } of clocks.values()) {
  const days = new Set(changes.map(({ atMs }) => Math.floor(atMs / DAY_MS)));
  if (days.size < changes.length) faults.push(`${zone}: two changes of the clock on one UTC day`);
  const offsetAt = (utcMs: number) => wallsOf(zone, utcMs, utcMs + MINUTE_MS).wallsMs[0]! - utcMs;
  const fires = firesOf(zone, "30 2 * * *", FROM_MS - offsetAt(FROM_MS), TO_MS - offsetAt(TO_MS));
  fireCount += fires.length;
  if (fires.length !== (TO_MS - FROM_MS) / DAY_MS) faults.push(`${zone}: ${fires.length} daily fires`);
}

function firesOf(timeZone: string, cron: string, fromMs: number, toMs: number): number[] {
  const fires: number[] = [];
  for (let at = nextFire({ cron, timeZone }, fromMs - 1); at !== null && at < toMs;) {
    fires.push(at);
    const next = nextFire({ cron, timeZone }, at);
    if (next !== null && next - at < MINUTE_MS)
      faults.push(`${timeZone}, "${cron}": two fires within a minute of ${iso(at)}`);
    if (next !== null && next <= at) break;
    at = next;
  }
  return fires;
}

function iso(atMs: number): string {
  return new Date(atMs).toISOString();
}

const withChanges = [...changesOfZone.values()].filter((changes) => changes.length > 0).length;
const changeCount = [...changesOfZone.values()].reduce((sum, changes) => sum + changes.length, 0);
const report = `# Time zones, checked

Written by \`npm run check:zones\`. What it checks is said in scripts/check-zones.ts, what the rules are in
[schedules.md](schedules.md).

| | |
|---|---|
| Node, ICU, time zone data | ${process.versions.node}, ${process.versions["icu"]}, ${process.versions["tz"]} |
| years | 2024 to 2037 |
| zones | ${zones.length}, with ${clocks.size} different clocks; ${withChanges} change theirs |
| changes of a clock | ${changeCount}, ${windows.size} different ones |
| crons around each | ${CRONS.length} |
| fires compared | ${fireCount.toLocaleString("en-GB")} |
| faults | ${faults.length} |
`;
writeFileSync(fileURLToPath(new URL("../docs/zones.md", import.meta.url)), report);
console.log(report);
for (const fault of faults.slice(0, 50)) console.error(fault);
if (faults.length > 0) process.exitCode = 1;
