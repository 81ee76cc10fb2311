import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HostResource, Page, SnapshotResource } from "../../protocol/api.ts";
import type { ConsoleApi } from "../../scripts/console-api.ts";
import { removeFolder, temporaryFolder } from "../support/folders.ts";
import { askJob, jobEnd, joinHost, makeSource, runtimes, startProduct, type Product } from "../support/product.ts";
import { startRestServer, type RestServer } from "../support/rest-server.ts";
import { resticBinary, resticVersions, runRestic, type ListedSnapshot } from "../support/restic.ts";

const password = "repository password";
const login = { username: "host", password: "rest: login/secret" };

describe.each(runtimes)("a backup on %s", (runtime) => {
  let product: Product;
  let api: ConsoleApi;
  let rest: RestServer;
  let folder: string;

  beforeAll(async () => {
    product = await startProduct(runtime);
    api = await product.signIn();
    rest = await startRestServer({ login });
    folder = temporaryFolder("backup");
    makeSource(folder, 20, 10_000);
    writeFileSync(join(folder, "source", "an odd name: ünï \"quoted\" 'n' new"), "text");
  });
  afterAll(async () => {
    await rest?.stop();
    await product?.stop();
    removeFolder(folder);
  });

  const cases = resticVersions.flatMap((version) => (["local", "rest-server"] as const).map((to) => ({ version, to })));

  test.each(cases)("with restic $version to a $to repository makes the snapshot restic itself lists", async (c) => {
    const name = `repository-${c.version}`;
    const address = c.to === "local" ? join(folder, name) : `rest:${rest.url}${name}/`;
    const agent = await joinHost(api, {
      hostName: `${c.to}-${c.version}`,
      address,
      password,
      ...(c.to === "local"
        ? {}
        : { env: { RESTIC_REST_USERNAME: login.username, RESTIC_REST_PASSWORD: login.password } }),
      paths: [join(folder, "source")],
      restic: resticBinary(c.version),
    });
    try {
      const asked = await askJob(api, agent.hostId);
      const job = await jobEnd(api, asked.id);
      expect(job).toMatchObject({ state: "succeeded", warnings: 0, source: "asked" });
      expect(job.summary).toMatchObject({ filesNew: 21, totalFiles: 21 });

      const witness = await runRestic(
        resticBinary(c.version),
        { address: c.to === "local" ? address : rest.address(name), password },
        ["snapshots", "--json"],
      );
      const [listed] = JSON.parse(witness.stdout) as ListedSnapshot[];
      expect(listed?.id).toBe(job.summary?.snapshotId);
      expect(listed?.tags).toEqual([`rm:schedule:${job.scheduleId}`]);

      const page = await api.get<Page<SnapshotResource>>(`/api/hosts/${agent.hostId}/snapshots`);
      expect(page.items.map((snapshot) => snapshot.id)).toEqual([listed?.id]);

      const host = await api.get<HostResource>(`/api/hosts/${agent.hostId}`);
      expect(host).toMatchObject({ status: "protected", snapshotCount: 1, lastBackupOutcome: "succeeded" });

      const second = await jobEnd(api, (await askJob(api, agent.hostId)).id);
      expect(second.summary).toMatchObject({ filesNew: 0, filesUnmodified: 21 });
    } finally {
      await agent.stop();
    }
  });
});
