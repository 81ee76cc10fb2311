import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { HostResource } from "../protocol/api.ts";
import { OFFLINE_AFTER_MS } from "../protocol/limits.ts";
import { removeFolder, temporaryFolder } from "../tests/support/folders.ts";
import { waitFor } from "../tests/support/process.ts";
import { askJob, hostOnline, jobEnd, joinHost, makeSource, startProduct } from "../tests/support/product.ts";
import { resticBinary } from "../tests/support/restic.ts";
import type { Row } from "./row.ts";

const jobs = 5;
const idleMs = 180_000;

interface Written {
  d1: number;
  objects: number;
}

/**
 * (j) Rows written on workerd, as D1 and the objects' storage count them themselves: for each backup asked for in the
 * console, for an idle host, and for a day's going and coming of a host.
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

    return [
      upTo("j. D1 rows written for a backup", busy.d1 / jobs, 9),
      upTo("j. D1 rows written for a host going and coming", transitions.d1, 10),
      upTo("j. D1 rows written by an idle host", idle.d1, 0),
      {
        ...upTo("j. relay rows written for a backup", busy.objects / jobs, Infinity),
        goal: "shown",
        ceiling: 0,
        ratio: 0,
      },
      {
        ...upTo(`j. relay rows written by an idle host in ${idleMs / 60_000} min`, idle.objects, Infinity),
        goal: "shown",
        ceiling: 0,
        ratio: 0,
      },
    ];
  } finally {
    await product.stop();
    removeFolder(folder);
  }
}

function upTo(name: string, figure: number, limit: number): Row {
  const ratio = limit === 0 ? figure : figure / limit;
  return { name, unit: "rows", figure, ceiling: limit, ratio, goal: `≤ ${limit} rows`, pass: figure <= limit };
}
