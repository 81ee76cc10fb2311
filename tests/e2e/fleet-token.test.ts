import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { EnrollmentJoin } from "../../protocol/fleet-token.ts";
import { temporaryFolder } from "../support/folders.ts";
import { nodeBinary, runProcess, startProcess } from "../support/process.ts";
import { askJob, hostOnline, jobEnd, makeSource, startProduct, type Product } from "../support/product.ts";
import { resticBinary, resticVersions } from "../support/restic.ts";

let product: Product;
beforeAll(async () => {
  product = await startProduct("node");
});
afterAll(() => product.stop());

test("five real agents of one hostname join with one line, and each backs up to a repository of its own", async () => {
  const api = await product.signIn();
  const folder = temporaryFolder("fleet");
  const source = makeSource(folder, 3, 1000);
  const made = await api.send<{ token: string; enrollment: { id: string } }>("POST", "/api/fleet-tokens", {
    name: "All of them",
    maxUses: 5,
    repository: { address: join(folder, "{hostname}"), env: {}, createRepository: true },
    schedule: { name: "by hand", enabled: true, manual: true, paths: [source] },
  });
  const env = { PATH: `${dirname(resticBinary(resticVersions.at(-1)!))}:${process.env["PATH"]}`, RM_TOKEN: made.token };
  const bundle = fileURLToPath(new URL("../../dist/agent/restic-manager-agent.cjs", import.meta.url));
  const homes = Array.from({ length: 6 }, () => temporaryFolder("agent"));
  const dirs = (home: string) => ["--config-dir", join(home, "config"), "--state-dir", join(home, "state")];
  const enrolled = await Promise.all(
    homes.map((home) =>
      runProcess(nodeBinary, [bundle, "enroll", "--server", product.origin, ...dirs(home)], {
        env: { ...env, HOME: home },
      }),
    ),
  );
  expect(enrolled.filter(({ code }) => code === 0)).toHaveLength(5);
  const agents = homes
    .filter((_, n) => enrolled[n]!.code === 0)
    .map((home) => startProcess(nodeBinary, [bundle, "run", ...dirs(home)], { env: { PATH: env.PATH, HOME: home } }));
  try {
    const { items } = await api.get<{ items: EnrollmentJoin[] }>(`/api/enrollment-tokens/${made.enrollment.id}/joins`);
    expect(new Set(items.map(({ repositoryAddress }) => repositoryAddress)).size).toBe(5);
    for (const { hostId, repositoryAddress } of items) {
      await hostOnline(api, hostId);
      const job = await askJob(api, hostId);
      expect(await jobEnd(api, job.id)).toMatchObject({ state: "succeeded" });
      expect(existsSync(join(repositoryAddress, "config"))).toBe(true);
    }
  } finally {
    await Promise.all(agents.map((agent) => agent.stop(30_000)));
  }
});
