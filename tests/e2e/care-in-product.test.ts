import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Page, RepositoryResource } from "../../protocol/api.ts";
import type { ConsoleApi } from "../../scripts/console-api.ts";
import { removeFolder, temporaryFolder } from "../support/folders.ts";
import { pidsWithEnvironment, waitFor } from "../support/process.ts";
import {
  askJob,
  hostOnline,
  jobEnd,
  joinHost,
  makeSource,
  runtimes,
  startProduct,
  type Product,
  type TestAgent,
} from "../support/product.ts";
import { startRestServer, type RestServer } from "../support/rest-server.ts";
import { listSnapshots, resticBinary, runRestic } from "../support/restic.ts";

/** The care of a repository in the whole product: console's API, server, agent, real restic and rest-servers. */

const restic = resticBinary("0.18.0");
const password = "a repository password";
const writer = { username: "writer", password: "a writer's login" };
const admin = { username: "admin", password: "an-administrators-login" };
const loginOf = (login: typeof admin) => ({
  RESTIC_REST_USERNAME: login.username,
  RESTIC_REST_PASSWORD: login.password,
});

describe.each(runtimes)("care on %s", (runtime) => {
  let product: Product;
  let api: ConsoleApi;
  let folder: string;
  let agent: TestAgent;
  let appendOnly: RestServer;
  let deleting: RestServer;
  /** The repository as a witness reads it, past the product and its servers. */
  let witness: { address: string; password: string };

  beforeAll(async () => {
    appendOnly = await startRestServer({ login: writer, appendOnly: true });
    deleting = await startRestServer({ login: admin, folder: appendOnly.folder });
    witness = { address: join(appendOnly.folder, "repository"), password };
    product = await startProduct(runtime);
    api = await product.signIn();
    folder = temporaryFolder("care");
    const address = `rest:${appendOnly.url}repository/`;
    const paths = [makeSource(folder, 1, 400_000)];
    agent = await joinHost(api, { address, password, env: loginOf(writer), paths, restic });
    for (let i = 0; i < 2; i++) {
      makeSource(folder, 1, 400_000);
      expect(await run({ kind: "backup" })).toMatchObject({ state: "succeeded" });
    }
  });
  afterAll(async () => {
    await agent?.stop();
    await product?.stop();
    await deleting?.stop();
    await appendOnly?.stop();
    removeFolder(folder);
  });

  const run = async (body: object) => jobEnd(api, (await askJob(api, agent.hostId, body)).id);
  async function repository(): Promise<RepositoryResource> {
    const { items } = await api.get<Page<RepositoryResource>>(`/api/hosts/${agent.hostId}/repo-credentials`);
    return items[0]!;
  }
  const known = async (what: string, is: (one: RepositoryResource) => boolean) =>
    waitFor(what, async () => {
      const one = await repository();
      return is(one) && one;
    });
  /** Without those still being written, which the server does under another name. */
  const locks = () => readdirSync(join(witness.address, "locks")).filter((name) => /^[0-9a-f]{64}$/.test(name));

  test("a measurement tells size, snapshots, locks and that the storage is append-only", async () => {
    expect(await run({ kind: "stats" })).toMatchObject({ state: "succeeded" });
    const one = await known("the measurement", ({ measuredAtMs }) => measuredAtMs !== undefined);
    expect(one).toMatchObject({ snapshots: 2, restoreBytes: 800_000, locks: [], appendOnly: true });
    expect(one.storedBytes).toBeGreaterThan(800_000);
  });

  test("prune is refused by the append-only server, and works with the second credential at its own address", async () => {
    const [oldest] = await listSnapshots(restic, witness);
    expect((await runRestic(restic, witness, ["forget", "--", oldest!.id])).code).toBe(0);
    const refused = await run({ kind: "prune" });
    expect(refused).toMatchObject({ state: "failed", failure: { code: "repository.append_only" } });

    const { id } = await repository();
    await api.send("PUT", `/api/hosts/${agent.hostId}/repo-credentials`, {
      repositoryId: id,
      purpose: "admin",
      address: `rest:${deleting.url}repository/`,
      password,
      env: loginOf(admin),
    });
    const pruned = await run({ kind: "prune" });
    expect(pruned).toMatchObject({ state: "succeeded", result: { kind: "prune" } });
    expect((pruned.result as { freedBytes: number }).freedBytes).toBeGreaterThan(390_000);
    const one = await known("the prune", ({ lastPrune }) => lastPrune?.jobId === pruned.id);
    expect(one).toMatchObject({ appendOnly: true, lastPrune: { freedBytes: expect.any(Number) } });
    // What was lent for one job stays nowhere on the host, and in no log.
    expect(filesBelow(agent.stateDir).filter((path) => readFileSync(path).includes(admin.password))).toEqual([]);
    expect(await api.text(`/api/jobs/${pruned.id}/log`)).not.toContain(admin.password);
  });

  test("an agent and its restic killed in mid-backup leave a lock that the product heals by itself", async () => {
    makeSource(folder, 4, 5_000_000);
    const job = await askJob(api, agent.hostId, { kind: "backup", limits: { uploadKiBs: 500 } });
    await waitFor("restic to hold its lock", () => locks().length > 0);
    const pids = pidsWithEnvironment("RM_JOB_ID", job.id);
    expect(pids).not.toEqual([]);
    await agent.kill();
    for (const pid of pids) process.kill(pid, "SIGKILL");
    expect(locks()).toHaveLength(1);
    await agent.start();
    await hostOnline(api, agent.hostId, agent);
    expect(await jobEnd(api, job.id)).toMatchObject({ state: "failed", failure: { code: "job.interrupted" } });
    expect(locks()).toEqual([]);
    makeSource(folder, 4, 1000);
    expect(await run({ kind: "backup" })).toMatchObject({ state: "succeeded" });
  });

  test("unlock leaves nothing behind and says so", async () => {
    const job = await run({ kind: "unlock" });
    expect(job).toMatchObject({ state: "succeeded", result: { kind: "unlock", locksLeft: 0 } });
  });

  test("check finds a damaged pack, says so in plain words, and the repository remembers it", async () => {
    const everything = { kind: "check", readData: { mode: "percent", percent: 100 } };
    const good = await run(everything);
    expect(good).toMatchObject({ state: "succeeded", result: { kind: "check", errors: 0, read: "all" } });
    await known("the good check", ({ lastCheck }) => lastCheck?.ok === true);
    const path = filesBelow(join(witness.address, "data")).toSorted((a, b) => statSync(b).size - statSync(a).size)[0]!;
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1]! ^= 0xff;
    rmSync(path);
    writeFileSync(path, bytes);
    const bad = await run(everything);
    expect(bad).toMatchObject({ state: "failed", failure: { code: "repository.damaged" } });
    expect(bad.failure!.message).toContain(`The repository is damaged: pack ${path.slice(-64)} holds other bytes`);
    const one = await known("the bad check", ({ lastCheck }) => lastCheck?.ok === false);
    expect(one.lastCheck).toMatchObject({ jobId: bad.id, read: "all", message: bad.failure!.message });
  });
});

function filesBelow(folder: string): string[] {
  return execFileSync("find", [folder, "-type", "f"], { encoding: "utf8" }).trim().split("\n");
}
