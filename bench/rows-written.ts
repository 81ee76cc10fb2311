import { randomBytes, randomUUID } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { HostResource } from "../protocol/api.ts";
import { OFFLINE_AFTER_MS } from "../protocol/limits.ts";
import type { JobRecord } from "../protocol/wire.ts";
import { removeFolder, temporaryFolder } from "../tests/support/folders.ts";
import { waitFor } from "../tests/support/process.ts";
import { askJob, hostOnline, jobEnd, joinHost, makeSource, startProduct } from "../tests/support/product.ts";
import { resticBinary } from "../tests/support/restic.ts";
import { enrolHost, goLive, type WireHost } from "../tests/support/wire-agent.ts";
import type { Row } from "./row.ts";

const jobs = 5;
const idleMs = 180_000;
const dayMs = 24 * 3600_000;

interface Written {
  d1: number;
  objects: number;
}

/**
 * (j) Rows written on workerd, as D1 and the objects' storage count them themselves: for each backup asked for in the
 * console, for an idle host, for a day's going and coming of a host, and for a day of hourly schedules.
 */
export async function rowsWritten(): Promise<Row[]> {
  const product = await startProduct("workerd", {}, "bench/workers/wrangler.toml");
  const folder = temporaryFolder("rows");
  try {
    const api = await product.signIn();
    const agent = await joinHost(api, {
      address: join(folder, "repository"),
      password: "bench",
      paths: [makeSource(folder, 50, 10_000)],
      restic: resticBinary("0.18.0"),
    });
    const written = async () => {
      await sleep(3000); // what was put off to a later turn counts too
      return (await (await fetch(`${product.origin}/bench/rows`)).json()) as Written;
    };

    // The first backup also turns the host from new to protected.
    await jobEnd(api, (await askJob(api, agent.hostId)).id);
    await written();
    for (let i = 0; i < jobs; i++) await jobEnd(api, (await askJob(api, agent.hostId)).id);
    const busy = await written();

    await sleep(idleMs);
    const idle = await written();

    await agent.stop();
    await waitFor(
      "the host to be offline",
      async () => !(await api.get<HostResource>(`/api/hosts/${agent.hostId}`)).online,
      {
        timeoutMs: OFFLINE_AFTER_MS + 60_000,
        everyMs: 1000,
      },
    );
    await agent.start();
    await hostOnline(api, agent.hostId, agent);
    const transitions = await written();
    await agent.stop();
    await written();
    await runADay(product.origin, await enrolHost(api, "hourly"));
    const day = await written();

    return [
      upTo("j. D1 rows written for a backup", busy.d1 / jobs, 9),
      upTo("j. D1 rows written for a host going and coming", transitions.d1, 10),
      upTo("j. D1 rows written by an idle host", idle.d1, 0),
      { ...upTo("j. D1 rows written a host and day with 24 scheduled jobs", day.d1, Infinity), goal: "shown", ...none },
      {
        ...upTo("j. relay rows written for a backup", busy.objects / jobs, Infinity),
        goal: "shown",
        ...none,
      },
      {
        ...upTo(`j. relay rows written by an idle host in ${idleMs / 60_000} min`, idle.objects, Infinity),
        goal: "shown",
        ...none,
      },
    ];
  } finally {
    await product.stop();
    removeFolder(folder);
  }
}

/** A figure that is shown without a ceiling. */
const none = { ceiling: 0, ratio: 0 };

/** 24 scheduled backups of one host, each told in three turns as a real agent tells it. Its connecting is counted too. */
async function runADay(origin: string, host: WireHost): Promise<void> {
  const agent = await goLive(origin, host);
  const midnightMs = Math.floor(Date.now() / dayMs) * dayMs - dayMs;
  for (let hour = 0; hour < 24; hour++) {
    const nominalMs = midnightMs + hour * 3600_000;
    const jobId = randomUUID();
    const accepted: JobRecord = {
      type: "accepted",
      atMs: nominalMs,
      kind: "backup",
      source: "schedule",
      repositoryId: host.repositoryId,
      scheduleId: host.scheduleId,
      nominalMs,
      scheduleVersion: 1,
    };
    await agent.record(jobId, 1, [accepted, { type: "started", atMs: nominalMs }]);
    await sleep(500);
    await agent.record(jobId, 3, [{ type: "logged", atMs: nominalMs, stream: "restic", text: "Repository opened" }]);
    await sleep(500);
    const summary = {
      snapshotId: randomBytes(32).toString("hex"),
      filesNew: 1,
      filesChanged: 0,
      filesUnmodified: 0,
      totalFiles: 1,
      totalBytes: 10_000 + hour,
      addedBytes: 100,
      durationMs: 1000,
    };
    const snapshot = {
      id: summary.snapshotId,
      timeMs: nominalMs,
      hostname: "wire.example",
      paths: ["/srv/data"],
      tags: [],
    };
    await agent.record(jobId, 4, [
      { type: "snapshot", atMs: nominalMs, repositoryId: host.repositoryId, snapshot: { ...snapshot, summary } },
      { type: "finished", atMs: nominalMs + 1000, outcome: "succeeded", summary },
    ]);
    await sleep(500);
  }
  agent.socket.close();
}

function upTo(name: string, figure: number, limit: number): Row {
  const ratio = limit === 0 ? figure : figure / limit;
  return { name, unit: "rows", figure, ceiling: limit, ratio, goal: `≤ ${limit} rows`, pass: figure <= limit };
}
