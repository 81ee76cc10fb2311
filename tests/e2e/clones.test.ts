import { cpSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { AuditResource, HostDetail, Page, ScheduleResource } from "../../protocol/api.ts";
import type { ClaimantResource } from "../../protocol/claimants.ts";
import type { ConsoleApi } from "../../scripts/console-api.ts";
import { removeFolder, temporaryFolder } from "../support/folders.ts";
import { nodeBinary, runProcess, startProcess, waitFor, type Running } from "../support/process.ts";
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
import { resticBinary } from "../support/restic.ts";
import { password, schedulesApplied } from "../support/schedule-scene.ts";

/** Two real agents from one copied disk, and one whose disk was set back. */

const restic = resticBinary("0.18.0");
const bundle = fileURLToPath(new URL("../../dist/agent/restic-manager-agent.cjs", import.meta.url));

/** A machine of its own as far as an agent can see: another name and another network card. */
const elsewhere = [
  "--mount",
  "--uts",
  "sh",
  "-c",
  `mount -t tmpfs none /sys/class/net && mkdir /sys/class/net/eth0 && echo 52:54:00:00:00:02 >/sys/class/net/eth0/address &&
   hostname oak-copy && exec "$@"`,
  "sh",
];
const canMove = (await runProcess("unshare", [...elsewhere, "true"])).code === 0;

describe.each(runtimes)("a copied disk on %s", { timeout: 600_000 }, (runtime) => {
  let product: Product;
  let api: ConsoleApi;
  let folder: string;
  let source: string;
  const copies: Running[] = [];
  const agents: TestAgent[] = [];

  beforeAll(async () => {
    product = await startProduct(runtime);
    api = await product.signIn();
    folder = temporaryFolder("clones");
    source = makeSource(folder, 3, 10_000);
  });
  afterEach(async () => {
    for (const copy of copies.splice(0)) await copy.stop(20_000);
    for (const agent of agents.splice(0)) await agent.stop();
  });
  afterAll(async () => {
    await product?.stop();
    removeFolder(folder);
  });

  async function joined(hostName: string): Promise<TestAgent> {
    const plan = { hostName, address: join(folder, hostName), password, paths: [source], restic };
    const agent = await joinHost(api, plan);
    agents.push(agent);
    return agent;
  }
  const copyDisk = (agent: TestAgent, name: string): string[] => {
    const [config, state] = [join(folder, `${name}-config`), join(folder, `${name}-state`)];
    cpSync(agent.configDir, config, { recursive: true });
    // A lock of another boot says nothing; on this machine it would be the original's.
    cpSync(agent.stateDir, state, { recursive: true, filter: (path) => !path.endsWith("agent.lock") });
    return ["--config-dir", config, "--state-dir", state];
  };
  /** Starts an agent on a copied disk, on a machine of its own or on this one. */
  function startCopy(directories: string[], where: "elsewhere" | "here"): Running {
    const command = [nodeBinary, bundle, "run", ...directories];
    const env = { PATH: `${dirname(restic)}:${process.env["PATH"]}`, HOME: folder };
    const copy =
      where === "here"
        ? startProcess(command[0]!, command.slice(1), { env })
        : startProcess("unshare", [...elsewhere, ...command], { env });
    copies.push(copy);
    return copy;
  }
  const locked = (hostId: string): Promise<HostDetail> =>
    waitFor(
      "the host to be locked",
      async () => {
        const host = await api.get<HostDetail>(`/api/hosts/${hostId}`);
        return host.locked && host.claimants.length > 1 && host;
      },
      { timeoutMs: 60_000 },
    );
  const unlocked = (hostId: string) =>
    waitFor("the host to be unlocked", async () => {
      const host = await api.get<HostDetail>(`/api/hosts/${hostId}`);
      return !host.locked && host.online && host;
    });
  const choose = (hostId: string, { no }: ClaimantResource) =>
    api.send("POST", `/api/hosts/${hostId}/clone-choice`, { claimant: no });
  const refusals = (log: string) => log.match(/two machines used its identity/g)?.length ?? 0;

  test.runIf(canMove)(
    "is seen within 60 s, gets nothing, keeps its schedules, and is refused once the original is chosen",
    async () => {
      const agent = await joined(`oak-${runtime}`);
      const { hostId } = agent;
      const { repositories } = await api.get<HostDetail>(`/api/hosts/${hostId}`);
      const schedule = await api.send<ScheduleResource>("POST", `/api/hosts/${hostId}/schedules`, {
        kind: "backup",
        name: "Minutely",
        repositoryId: repositories[0]!.id,
        enabled: true,
        manual: false,
        cron: "* * * * *",
        timeZone: "UTC",
        paths: [source],
      });
      await schedulesApplied(api, hostId);
      expect((await jobEnd(api, (await askJob(api, hostId)).id)).state).toBe("succeeded");

      const disk = copyDisk(agent, `oak-copy-${runtime}`);
      const startedMs = Date.now();
      const copy = startCopy(disk, "elsewhere");
      const host = await locked(hostId);
      console.log(`${runtime}: seen ${Date.now() - startedMs} ms after the copy was started`);
      expect(host.claimants).toMatchObject([
        { standing: "open", held: true, alike: false, facts: { hostname: "oak-copy" } },
        { standing: "open", held: false, alike: false },
      ]);
      const original = host.claimants[1]!;
      expect(original.facts["hostname"]).not.toBe("oak-copy");
      expect(original.address).not.toBe("");
      // What the console shows is what the machine says of itself.
      const dirs = ["--config-dir", agent.configDir, "--state-dir", agent.stateDir];
      const status = await runProcess(nodeBinary, [bundle, "status", "--json", ...dirs]);
      const says = JSON.parse(status.stdout) as { machine: string; connections: number };
      expect(says.machine).toContain(`network card ${original.facts["network"]!.slice(0, 8)}`);
      expect(says.connections).toBe(original.join);
      await expect(askJob(api, hostId)).rejects.toThrow(/host.locked/);

      const copySays = () => copy.stdout() + copy.stderr();
      await waitFor("both to be refused", () => refusals(agent.log()) > 0 && refusals(copySays()) > 0);
      const backedUp = new RegExp(`job (\\S+): backup of schedule ${schedule.id} fired\\n[^]*job \\1: succeeded`);
      const before = { agent: agent.log().length, copy: copySays().length };
      const both = () => backedUp.test(agent.log().slice(before.agent)) && backedUp.test(copySays().slice(before.copy));
      await waitFor("both to back up by their schedule", both, { timeoutMs: 90_000 });

      await choose(hostId, original);
      await agent.stop();
      await agent.start();
      await unlocked(hostId);
      await hostOnline(api, hostId, agent);
      await copy.stop(20_000);
      const again = startCopy(disk, "elsewhere");
      await again.waitForOutput(/two machines used its identity/);
      const job = await askJob(api, hostId, { kind: "snapshots" });
      expect(await jobEnd(api, job.id)).toMatchObject({ state: "succeeded" });
      expect((await api.get<HostDetail>(`/api/hosts/${hostId}`)).claimants).toMatchObject([
        { standing: "refused", facts: { hostname: "oak-copy" } },
        { standing: "chosen" },
      ]);
      const { items } = await api.get<Page<AuditResource>>(`/api/audit?target=${hostId}`);
      const said = items.filter(({ action }) => /lock|choose/.test(action)).map(({ action, actor }) => [action, actor]);
      expect(said).toEqual([
        ["host.unlock", "server"],
        ["host.choose_machine", "maja"],
        ["host.lock", "server"],
      ]);
    },
  );

  test("on the same machine is told apart by the number on the disk", async () => {
    const agent = await joined(`elm-${runtime}`);
    const copy = startCopy(copyDisk(agent, `elm-copy-${runtime}`), "here");
    const { hostId, claimants } = await locked(agent.hostId).then((host) => ({ ...host, hostId: host.id }));
    expect(claimants).toMatchObject([
      { held: true, alike: true },
      { held: false, alike: true },
    ]);
    expect(claimants[0]!.join).toBeGreaterThan(claimants[1]!.join);
    await choose(hostId, claimants[1]!);
    await copy.stop(20_000);
    await agent.stop();
    await agent.start();
    await unlocked(hostId);
  });

  test("that is put back on its own machine locks the host, and is let in once it is chosen", async () => {
    const agent = await joined(`fir-${runtime}`);
    const { hostId } = agent;
    const backup = copyDisk(agent, `fir-backup-${runtime}`);
    for (let i = 0; i < 2; i++) {
      await agent.stop();
      await agent.start();
      await waitFor("another connection", () => agent.log().split(" connected to ").length === i + 3);
    }
    await agent.stop();
    let restored = startCopy(backup, "here");
    const { claimants } = await locked(hostId);
    const oldest = claimants.toSorted((a, b) => a.join - b.join)[0]!;
    await choose(hostId, oldest);
    await restored.stop(20_000);
    restored = startCopy(backup, "here");
    await unlocked(hostId);
    const job = await askJob(api, hostId, { kind: "snapshots" });
    expect(await jobEnd(api, job.id)).toMatchObject({ hostId });
  });
});
