import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { ConsoleApi } from "../../scripts/console-api.ts";
import { removeFolder, temporaryFolder } from "../support/folders.ts";
import { freePort } from "../support/ports.ts";
import { runProcess } from "../support/process.ts";
import {
  askJob,
  jobEnd,
  joinHost,
  makeSource,
  startProduct,
  type Plan,
  type Product,
  type TestAgent,
} from "../support/product.ts";
import { resticBinary, resticVersions, runRestic } from "../support/restic.ts";

const password = "the right password";

/** What goes wrong on a host gets a clear verdict, and harms nothing. */
describe.each(resticVersions)("with restic %s", (version) => {
  const restic = resticBinary(version);
  let product: Product;
  let api: ConsoleApi;
  let folder: string;
  let agent: TestAgent | null = null;

  beforeAll(async () => {
    product = await startProduct("node");
    api = await product.signIn();
    folder = temporaryFolder("bad-backup");
    makeSource(folder, 3, 1000);
  });
  afterEach(async () => {
    await agent?.stop();
    agent = null;
  });
  afterAll(async () => {
    await product?.stop();
    removeFolder(folder);
  });

  async function backUp(plan: Partial<Plan>) {
    agent = await joinHost(api, {
      address: join(folder, "repository"),
      password,
      paths: [join(folder, "source")],
      restic,
      ...plan,
    });
    return jobEnd(api, (await askJob(api, agent.hostId)).id);
  }

  test("a wrong repository password fails as such and leaves the repository alone", async () => {
    const address = join(folder, "locked-away");
    await runRestic(restic, { address, password }, ["init"]);
    const job = await backUp({ address, password: "not the password" });
    expect(job).toMatchObject({ state: "failed", failure: { code: "repository.wrong_password" } });
    const listed = await runRestic(restic, { address, password }, ["snapshots", "--json"]);
    expect(JSON.parse(listed.stdout)).toHaveLength(0);
  });

  test("a missing repository is not made unless the operator asked for it", async () => {
    const job = await backUp({ address: join(folder, "nowhere"), createRepository: false });
    expect(job).toMatchObject({ state: "failed", failure: { code: "repository.missing" } });
  });

  test("an unreachable repository fails soon and says so", async () => {
    const job = await backUp({ address: `rest:http://127.0.0.1:${await freePort()}/host/` });
    expect(job).toMatchObject({ state: "failed", failure: { code: "repository.unreachable", retry: true } });
  });

  test("a file that cannot be read makes the backup succeed with a warning", async () => {
    const paths = [join(folder, "with-secret")];
    mkdirSync(paths[0]!, { recursive: true });
    writeFileSync(join(paths[0]!, "open.txt"), "open");
    writeFileSync(join(paths[0]!, "secret.txt"), "secret");
    chmodSync(join(paths[0]!, "secret.txt"), 0);
    chmodSync(folder, 0o755);
    const repository = join(folder, "by-nobody");
    mkdirSync(repository, { recursive: true });
    chmodSync(repository, 0o777);
    // Root reads everything, so the agent runs as nobody where the test is root.
    const job = await backUp({
      address: join(repository, "repository"),
      paths,
      ...(process.getuid?.() === 0 ? { uid: 65534 } : {}),
    });
    expect(job).toMatchObject({ state: "succeeded", warnings: 1 });
    expect(job.summary?.snapshotId).toMatch(/^[0-9a-f]{64}$/);
    expect(await api.text(`/api/jobs/${job.id}/log`)).toMatch(/warning.*secret\.txt/);
  });

  test("a path that is not there fails with the path in the log", async () => {
    const job = await backUp({ address: join(folder, "for-missing-path"), paths: [join(folder, "no-such-folder")] });
    expect(job).toMatchObject({ state: "failed", failure: { code: "backup.source_missing" } });
    expect(await api.text(`/api/jobs/${job.id}/log`)).toContain("no-such-folder");
  });

  test.runIf(process.getuid?.() === 0)("a full disk under the repository fails as such", async () => {
    const disk = join(folder, "small-disk");
    mkdirSync(disk, { recursive: true });
    const mounted = await runProcess("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", disk]);
    expect(mounted).toMatchObject({ code: 0 });
    try {
      const big = temporaryFolder("big");
      const job = await backUp({ address: join(disk, "repository"), paths: [makeSource(big, 20, 500_000)] });
      expect(job).toMatchObject({ state: "failed", failure: { code: "repository.disk_full" } });
      removeFolder(big);
    } finally {
      await agent?.stop();
      await runProcess("umount", [disk]);
    }
  });
});
