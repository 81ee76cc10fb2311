import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { removeFolder, temporaryFolder } from "../support/folders.ts";
import { pidsWithEnvironment, startProcess, waitFor } from "../support/process.ts";
import { startRestServer } from "../support/rest-server.ts";
import { listSnapshots, resticBinary, resticVersions, runRestic } from "../support/restic.ts";

test.for(resticVersions)("restic %s backs up to a rest-server with a login", async (version) => {
  const server = await startRestServer({ login: { username: "ada", password: "p@ss" } });
  const source = temporaryFolder("source");
  try {
    const restic = resticBinary(version);
    const repository = { address: server.address(), password: "secret" };
    expect(await runRestic(restic, repository, ["init"])).toMatchObject({ code: 0 });
    expect(await runRestic(restic, repository, ["backup", source])).toMatchObject({ code: 0 });
    expect(await listSnapshots(restic, repository)).toMatchObject([{ paths: [source] }]);
  } finally {
    await server.stop();
    removeFolder(source);
  }
  expect(existsSync(server.folder)).toBe(false);
});

test("stopping a process takes its children along", async () => {
  const mark = `${process.pid}-${Math.random()}`;
  const parent = startProcess("sh", ["-c", "trap '' TERM; sleep 600 & echo ready; wait"], { env: { MARK: mark } });
  await parent.waitForOutput(/ready/);
  // Between fork and exec of sleep its environment cannot be read for a moment.
  await waitFor("both processes", () => pidsWithEnvironment("MARK", mark).length === 2);
  await parent.stop(100);
  expect(pidsWithEnvironment("MARK", mark)).toEqual([]);
});
