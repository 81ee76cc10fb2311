import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import Sqlite from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PENDING_TTL_MS, type PendingHostResource } from "../../protocol/announce.ts";
import type { HostResource, Page } from "../../protocol/api.ts";
import type { ConsoleApi } from "../../scripts/console-api.ts";
import { acceptBody } from "../support/announcing-host.ts";
import { removeFolder, temporaryFolder } from "../support/folders.ts";
import { nodeBinary, startProcess, waitFor, type Running } from "../support/process.ts";
import {
  askJob,
  cuttableLine,
  hostOnline,
  jobEnd,
  makeSource,
  runtimes,
  startProduct,
  type Product,
} from "../support/product.ts";
import { resticBinary, resticVersions } from "../support/restic.ts";

const bundle = fileURLToPath(new URL("../../dist/agent/restic-manager-agent.cjs", import.meta.url));
const WAITING = /Waiting for an administrator/;

/** A machine with the real agent, which has not joined. */
function machine(origin: string) {
  const folder = temporaryFolder("announce");
  const dirs = ["--config-dir", join(folder, "config"), "--state-dir", join(folder, "state")];
  const env = { PATH: `${dirname(resticBinary(resticVersions.at(-1)!))}:${process.env["PATH"]}`, HOME: folder };
  return {
    folder,
    /** The line of docs/joining.md less `sudo`, installing below the folder. */
    install: () =>
      startProcess("sh", ["-c", `curl -fsSL ${origin}/install.sh | sh -s -- --server ${origin} --announce`], {
        env: {
          ...env,
          RM_NODE: nodeBinary,
          RM_PREFIX: join(folder, "prefix"),
          RM_ETC: join(folder, "etc"),
          RM_CONFIG_DIR: join(folder, "config"),
          RM_STATE_DIR: join(folder, "state"),
        },
      }),
    announce: () => startProcess(nodeBinary, [bundle, "announce", "--server", origin, ...dirs], { env }),
    run: () => startProcess(nodeBinary, [bundle, "run", ...dirs], { env }),
    config: join(folder, "config/agent.yaml"),
    keys: join(folder, "state/announced.json"),
  };
}

/** The fingerprint as somebody reads it off the terminal: 64 hex digits. */
function readFingerprint(agent: Running): string {
  const lines = agent.stdout().match(/^ {4}[0-9a-f]{4}(?: {2}[0-9a-f]{4}){3}$/gm) ?? [];
  return lines.join("").replaceAll(" ", "");
}

/** All machines have one address, and ten announcements a minute are what it may make: the tests of a runtime keep to ten. */
describe.each(runtimes)("a host that announces itself on %s", (runtime) => {
  let product: Product;
  let api: ConsoleApi;
  const folders: string[] = [];

  beforeAll(async () => {
    product = await startProduct(runtime);
    api = await product.signIn();
  });
  afterAll(async () => {
    await product?.stop();
    for (const folder of folders) removeFolder(folder);
  });

  const newMachine = (origin = product.origin) => {
    const made = machine(origin);
    folders.push(made.folder);
    return made;
  };
  const pending = async () => (await api.get<{ items: PendingHostResource[] }>("/api/pending")).items;
  const hosts = async () => (await api.get<Page<HostResource>>("/api/hosts")).items;
  const waiting = async (fingerprint: string) =>
    waitFor("the host among those that wait", async () =>
      (await pending()).find((host) => host.fingerprint.replaceAll(" ", "") === fingerprint),
    );

  test("is accepted with digits off its terminal, connects, and makes its first backup", async () => {
    const host = newMachine();
    const source = makeSource(host.folder, 3, 1000);
    const agent = host.announce();
    await agent.waitForOutput(WAITING);
    const fingerprint = readFingerprint(agent);
    const row = await waiting(fingerprint);
    const repository = { address: join(host.folder, "repository"), password: "its password", createRepository: true };
    const order = { repository, paths: [source] };
    const accept = (digits: string) =>
      api.send("POST", `/api/pending/${row.id}/accept`, acceptBody(digits, "announced-1", order));
    await expect(accept(fingerprint.slice(0, 9))).rejects.toThrow();
    await expect(accept("0123456789")).rejects.toThrow();
    expect(await waiting(fingerprint)).toEqual(row);
    await accept(fingerprint.slice(20, 30).toUpperCase());
    expect(await agent.exited).toEqual({ code: 0, signal: null });
    expect(existsSync(host.keys)).toBe(false);
    expect(await pending()).toEqual([]);

    const config = readFileSync(host.config, "utf8");
    const hostId = /hostId: "?([0-9a-f-]{36})/.exec(config)?.[1] ?? "";
    const bearer = /bearer: "?(rm[^"\s]+)/.exec(config)?.[1] ?? "no bearer";
    expect(product.log() + agent.stdout() + agent.stderr()).not.toContain(bearer);
    const running = host.run();
    try {
      expect(await hostOnline(api, hostId)).toMatchObject({ name: "announced-1" });
      const job = await askJob(api, hostId);
      expect(await jobEnd(api, job.id)).toMatchObject({ state: "succeeded" });
      expect(existsSync(join(host.folder, "repository/config"))).toBe(true);
    } finally {
      await running.stop(30_000);
    }
  });

  test("that is rejected ends with its line and keeps no key; one of the same name waits on", async () => {
    const [refused, other] = [newMachine().announce(), newMachine().announce()];
    await Promise.all([refused.waitForOutput(WAITING), other.waitForOutput(WAITING)]);
    const [row, twin] = [await waiting(readFingerprint(refused)), await waiting(readFingerprint(other))];
    expect((await waiting(readFingerprint(refused))).twins.map(({ id }) => id)).toContain(twin.id);
    await api.send("POST", `/api/pending/${row.id}/reject`);
    expect((await refused.exited).code).toBe(1);
    expect(refused.stderr()).toContain("rejected by an administrator");
    expect((await pending()).map(({ id }) => id)).toEqual([twin.id]);
    await api.send("POST", `/api/pending/${twin.id}/reject`);
    expect((await other.exited).code).toBe(1);
  });

  test("is the same row with the same fingerprint after its agent was killed, and joins when it was accepted meanwhile", async () => {
    const host = newMachine();
    const first = host.announce();
    await first.waitForOutput(WAITING);
    const row = await waiting(readFingerprint(first));
    await first.kill();

    const second = host.announce();
    await second.waitForOutput(WAITING);
    expect(readFingerprint(second)).toBe(readFingerprint(first));
    expect((await pending()).map(({ id }) => id)).toEqual([row.id]);
    await second.kill();

    const before = (await hosts()).length;
    const accept = acceptBody(readFingerprint(first), "announced-2");
    await api.send("POST", `/api/pending/${row.id}/accept`, accept);
    await expect(api.send("POST", `/api/pending/${row.id}/accept`, accept)).rejects.toThrow();
    const third = host.announce();
    expect((await third.exited).code).toBe(0);
    expect(existsSync(host.config)).toBe(true);
    expect((await hosts()).length).toBe(before + 1);
  });

  test("comes in by the installer, which Ctrl-C ends and a second run takes up again", async () => {
    const host = newMachine();
    const first = host.install();
    await first.waitForOutput(WAITING);
    process.kill(-first.pid, "SIGINT");
    expect((await first.exited).code).not.toBe(0);
    expect(first.stderr()).toContain("Stopped waiting. The announcement stays in the console");
    const second = host.install();
    await second.waitForOutput(WAITING);
    const fingerprint = readFingerprint(second);
    expect(readFingerprint(first)).toBe(fingerprint);
    await api.send(
      "POST",
      `/api/pending/${(await waiting(fingerprint)).id}/accept`,
      acceptBody(fingerprint, "announced-4"),
    );
    expect(await second.exited, second.stderr()).toMatchObject({ code: 0 });
    expect(existsSync(join(host.folder, "config/policy.yaml"))).toBe(true);
    expect(second.stdout()).toContain("Accepted as host");
  });

  test("waits on while the server restarts and the line is cut", async () => {
    const line = await cuttableLine(product.origin);
    const host = newMachine(line.origin);
    const agent = host.announce();
    await agent.waitForOutput(WAITING);
    line.cut();
    await agent.waitForOutput(/The connection is lost/);
    await product.kill();
    await product.start();
    line.mend();
    await agent.waitForOutput(/Waiting[^]*lost[^]*Waiting/, 90_000);
    const row = await waiting(readFingerprint(agent));
    await api.send("POST", `/api/pending/${row.id}/accept`, acceptBody(readFingerprint(agent), "announced-3"));
    expect((await agent.exited).code).toBe(0);
    await line.stop();
  });

  // The other runtime's clock and database are out of reach; tests/contract/pending-contract.ts has the hour end there.
  test.runIf(runtime === "node")("ends when its hour is over, and is a new row with the same fingerprint", async () => {
    const line = await cuttableLine(product.origin);
    const host = newMachine(line.origin);
    const late = host.announce();
    await late.waitForOutput(WAITING);
    const row = await waiting(readFingerprint(late));
    line.cut();
    const db = new Sqlite(join(product.folder, "data", "main.db"));
    // An hour passes: for the announcement, and for the ten that its address may make in a minute.
    db.prepare("UPDATE pending_hosts SET expires_at = expires_at - ? WHERE id = ?").run(PENDING_TTL_MS, row.id);
    db.prepare("UPDATE announce_windows SET started_at = started_at - ?").run(PENDING_TTL_MS);
    db.close();
    line.mend();
    expect((await late.exited).code).toBe(1);
    expect(late.stderr()).toContain("Run the same command again to announce it anew, with the same fingerprint");
    await expect(
      api.send("POST", `/api/pending/${row.id}/accept`, acceptBody(readFingerprint(late), "announced-5")),
    ).rejects.toThrow();

    const again = host.announce();
    await again.waitForOutput(WAITING);
    expect(readFingerprint(again)).toBe(readFingerprint(late));
    const { id } = await waiting(readFingerprint(again));
    expect(id).not.toBe(row.id);
    await api.send("POST", `/api/pending/${id}/accept`, acceptBody(readFingerprint(again), "announced-5"));
    expect((await again.exited).code).toBe(0);
    await line.stop();
  });
});
