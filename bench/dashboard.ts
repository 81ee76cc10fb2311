import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import type Database from "better-sqlite3";
import { Client } from "undici";
import { startChild } from "./child.ts";
import { makeHosts } from "./fleet.ts";
import { startProductServer } from "./product-server.ts";
import { abba, atMost, best, percentile, type Row } from "./row.ts";

const rounds = 150;
const big = { hosts: 10_000, jobs: 1_000_000, snapshots: 1_000_000 };
const small = { hosts: 1_000, jobs: 100_000, snapshots: 100_000 };
const ceilingEntry = fileURLToPath(new URL("ceiling-api.ts", import.meta.url));

/** What the fleet page asks before it is complete on screen. */
const dashboardPaths = ["/api/fleet/summary", "/api/hosts?limit=200"];
const hostsPath = ["/api/hosts?limit=50"];

interface Measured {
  hostsMs: number;
  dashboardMs: number;
}

/** (d) The list of hosts and the dashboard on a full database, against the same queries behind a bare Hono. */
export async function dashboard(): Promise<Row[]> {
  const full = await startOn(big);
  const tenth = await startOn(small);
  const bare = await startChild([ceilingEntry, full.databaseFile], {}, /listening \d+/);
  const bareOrigin = `http://127.0.0.1:${/listening (\d+)/.exec(bare.log())![1]}`;
  const onFull = () => measure(full.origin, { cookie: full.api.cookie() });
  try {
    const against = await abba<Measured>({ product: onFull, ceiling: () => measure(bareOrigin, {}) });
    const grown = await abba<Measured>({
      product: onFull,
      ceiling: () => measure(tenth.origin, { cookie: tenth.api.cookie() }),
    });
    const row = (name: string, figure: keyof Measured, { product, ceiling }: typeof against, limit: number) =>
      atMost(name, "ms", best(product.map((m) => m[figure])), best(ceiling.map((m) => m[figure])), limit);
    return [
      row("d. GET /api/hosts, 10,000 hosts, 1 M jobs, 1 M snapshots, p50", "hostsMs", against, 1.5),
      row("d. the dashboard on the same, p50", "dashboardMs", against, 1.5),
      row("d. GET /api/hosts, 10,000 hosts against 1,000", "hostsMs", grown, 1.1),
      row("d. the dashboard, 10,000 hosts against 1,000", "dashboardMs", grown, 1.1),
    ];
  } finally {
    await bare.stop();
    await tenth.stop();
    await full.stop();
  }
}

function startOn(size: typeof big): ReturnType<typeof startProductServer> {
  const hosts = makeHosts(size.hosts);
  const hostIds = hosts.map(({ hostId }) => hostId);
  return startProductServer(hosts, (db) => fill(db, hostIds, size));
}

async function measure(origin: string, headers: Record<string, string>): Promise<Measured> {
  const client = new Client(origin);
  const ask = async (paths: readonly string[]) => {
    for (const path of paths) {
      const { statusCode, body } = await client.request({ method: "GET", path, headers });
      await body.dump();
      if (statusCode !== 200) throw new Error(`${path}: ${statusCode}`);
    }
  };
  const p50 = async (paths: readonly string[]) => {
    for (let i = 0; i < 30; i++) await ask(paths);
    const took: number[] = [];
    for (let i = 0; i < rounds; i++) {
      const began = performance.now();
      await ask(paths);
      took.push(performance.now() - began);
    }
    return percentile(took, 0.5);
  };
  const measured = { hostsMs: await p50(hostsPath), dashboardMs: await p50(dashboardPaths) };
  await client.close();
  return measured;
}

/** Three months of a fleet that backs up: every host with days, jobs and snapshots. */
function fill(db: Database.Database, hostIds: readonly string[], size: typeof big): void {
  const nowMs = Date.now();
  const dayMs = 24 * 3600_000;
  const today = Math.floor(nowMs / dayMs);
  const uuid = (name: string) => {
    const hex = createHash("sha256").update(name).digest("hex");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  };
  const summary = JSON.stringify({
    filesNew: 1,
    filesChanged: 2,
    filesUnmodified: 1000,
    totalFiles: 1003,
    totalBytes: 1e9,
    addedBytes: 1e6,
    durationMs: 1000,
  });
  const job = db.prepare(
    `INSERT INTO jobs (id, host_id, kind, state, fact_no, source, repository_id, created_at, started_at, finished_at, received_at, summary)
     VALUES (?, ?, 'backup', ?, 3, 'schedule', ?, ?, ?, ?, ?, ?)`,
  );
  const snapshot = db.prepare(
    `INSERT INTO snapshots (repository_id, time, id, host_id, hostname, paths, tags, summary, first_seen_at)
     VALUES (?, ?, ?, ?, 'bench', '["/srv"]', '[]', ?, ?)`,
  );
  const day = db.prepare(
    "INSERT INTO host_days (host_id, day, outcome, duration_ms, added_bytes, size_bytes) VALUES (?, ?, 1, 1000, 1000000, ?)",
  );
  const kept = db.prepare(
    `UPDATE hosts SET online = 1, last_seen_at = ?, last_backup_at = ?, last_backup_outcome = 'succeeded', day_outcome = 1,
       last_good_backup_at = ?, protected_until = ?, size_bytes = 1000000000, severity = ?, snapshot_count = ? WHERE id = ?`,
  );
  db.pragma("synchronous = OFF");
  const perHost = { jobs: size.jobs / size.hosts, snapshots: size.snapshots / size.hosts };
  for (let from = 0; from < hostIds.length; from += 500) {
    db.transaction(() => {
      for (const [i, hostId] of hostIds.slice(from, from + 500).entries()) {
        for (let k = 0; k < perHost.jobs; k++) {
          const atMs = nowMs - k * 21 * 3600_000 - i * 1000;
          const state = (i + k) % 50 === 0 ? "failed" : "succeeded";
          job.run(uuid(`job ${hostId} ${k}`), hostId, state, hostId, atMs, atMs, atMs + 1000, atMs + 1000, summary);
        }
        for (let k = 0; k < perHost.snapshots; k++) {
          const atMs = nowMs - k * 21 * 3600_000 - i * 1000;
          const id = createHash("sha256").update(`snapshot ${hostId} ${k}`).digest("hex");
          snapshot.run(hostId, atMs, id, hostId, summary, atMs);
        }
        for (let k = 1; k <= 84; k++) day.run(hostId, today - k, 1e9 + k);
        const severity = i % 40 === 0 ? 0 : 5;
        kept.run(nowMs, nowMs, nowMs, nowMs + 7 * dayMs, severity, perHost.snapshots, hostId);
      }
    })();
  }
  db.exec("ANALYZE");
}
