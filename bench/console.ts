import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { launchChromium } from "../tests/support/chromium.ts";
import { startFakeConsole, type FakeConsole } from "../tests/support/fake-console-api.ts";
import { id, openJob, sampleHost, sampleWorld } from "../tests/support/sample-fleet.ts";
import type { Row } from "./row.ts";

const count = 1000;
const seconds = 15;
const ticksPerSecond = 20;
const budgetKib = 60;
const assets = fileURLToPath(new URL("../dist/ui", import.meta.url));

/**
 * (h) The fleet page in Chromium with 1,000 live hosts, each changing once a second. The page is the built one; the
 * server is the tests' own feed, because a real one never sends this much: it gathers progress for 2 s.
 */
export async function consoleLoad(): Promise<Row[]> {
  const world = sampleWorld(Date.now());
  world.hosts = Array.from({ length: count }, (_, i) =>
    sampleHost(i, [`host-${String(i).padStart(4, "0")}`, "protected", [], 60_000, 1000, 1, 1], Date.now()),
  );
  world.jobs = world.hosts.slice(0, count / 2).map((host, i) => openJob(5000 + i, host, {}, Date.now()));
  world.summary = { ...world.summary, total: count, protected: count, atRisk: 0, offline: 0, new: 0 };
  const fake = await startFakeConsole(world);
  const browser = await launchChromium();
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    const loaded = new Set<string>();
    page.on("response", (response) => loaded.add(new URL(response.url()).pathname));
    await page.addInitScript(`
      globalThis.longTasks = [];
      new PerformanceObserver((list) => globalThis.longTasks.push(...list.getEntries().map((e) => e.duration)))
        .observe({ type: "longtask" });
    `);
    await page.goto(`${fake.origin}/`);
    await page.getByText("1,000 hosts shown").waitFor();
    await sleep(2000);
    await page.evaluate("globalThis.longTasks.length = 0");
    const sent = await feed(fake, page);
    await sleep(500);
    const longTasks = await page.evaluate<number[]>("globalThis.longTasks");
    const firstLoadKib = gzipKib((name) => loaded.has(`/${name}`));
    return [
      limit(`h. long tasks in ${seconds} s of ${Math.round(sent / seconds)} updates/s`, "tasks", longTasks.length, 0),
      limit("h. JavaScript that the fleet page loads, gzip", "KiB", firstLoadKib, budgetKib),
      {
        ...limit(
          "h. JavaScript of the whole console, gzip",
          "KiB",
          gzipKib(() => true),
          Infinity,
        ),
        goal: "shown",
        ceiling: 0,
        ratio: 0,
      },
    ];
  } finally {
    await browser.close();
    await fake.stop();
  }
}

/** Half of the updates are a host's, half a job's progress. Answers how many were sent. */
async function feed(fake: FakeConsole, page: Page): Promise<number> {
  const { hosts } = fake.world;
  let next = 0;
  const perTick = count / ticksPerSecond;
  for (let tick = 0; tick < seconds * ticksPerSecond; tick++) {
    const began = performance.now();
    for (let i = 0; i < perTick; i++, next++) {
      const host = hosts[next % count]!;
      if (next % 2 === 0) {
        const changed = { ...host, lastBackupAtMs: Date.now(), lastBackupAddedBytes: next * 1000 };
        fake.toFleet({ type: "hostChanged", host: changed });
      } else {
        const job = (next >> 1) % (count / 2);
        const percent = (next % 997) / 997;
        fake.toFleet({
          type: "jobProgressed",
          hostId: hosts[job]!.id,
          jobId: id(5000 + job),
          kind: "backup",
          progress: { phase: "upload", percent, bytes: next * 1000, files: next, etaMs: 60_000 },
        });
      }
    }
    await sleep(Math.max(0, 1000 / ticksPerSecond - (performance.now() - began)));
  }
  await page.waitForTimeout(100);
  return next;
}

function gzipKib(wanted: (name: string) => boolean): number {
  const names = readdirSync(assets).filter((name) => name.endsWith(".js.gz") && !name.startsWith("favicon-"));
  const bytes = names.reduce(
    (sum, name) => sum + (wanted(name.slice(0, -3)) ? statSync(join(assets, name)).size : 0),
    0,
  );
  return bytes / 1024;
}

function limit(name: string, unit: string, figure: number, most: number): Row {
  const ratio = most === 0 ? figure : figure / most;
  return { name, unit, figure, ceiling: most, ratio, goal: `≤ ${most} ${unit}`, pass: figure <= most };
}
