import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { removeFolder, temporaryFolder } from "../../tests/support/folders.ts";
import { nodeBinary, runProcess } from "../../tests/support/process.ts";
import { UNIT_NAME, unitText } from "./systemd-unit.ts";

const defaults = { config: "/etc/restic-manager", state: "/var/lib/restic-manager" };

let folder: string;
let unit: string;
beforeAll(() => {
  folder = temporaryFolder("unit");
  unit = join(folder, UNIT_NAME);
  writeFileSync(unit, unitText({ command: [nodeBinary], directories: defaults, defaults }));
});
afterAll(() => removeFolder(folder));

test("systemd has nothing to say against the unit", async () => {
  expect(await runProcess("systemd-analyze", ["verify", unit])).toMatchObject({ code: 0, stdout: "", stderr: "" });
});

test("its exposure is 3.6 or less, by systemd's own count", async () => {
  const { stdout } = await runProcess("systemd-analyze", ["security", "--offline=true", "--no-pager", unit]);
  expect(Number(/Overall exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1])).toBeLessThanOrEqual(3.6);
});

test("no directive is there that an agent which compiles at run time and restores anywhere cannot bear", () => {
  const set = unitText({ command: ["/a"], directories: defaults, defaults })
    .split("\n")
    .map((line) => line.split("=")[0]);
  for (const name of ["MemoryDenyWriteExecute", "ProtectSystem", "ProtectHome", "PrivateTmp", "RestrictSUIDSGID"])
    expect(set).not.toContain(name);
});

test("folders of one's own are named, quoted as systemd reads them, and given no state folder of systemd's", () => {
  const directories = { config: "/srv/my agent/100%", state: "/srv/$state" };
  const text = unitText({ command: ["/usr/bin/node", "/opt/a.cjs"], directories, defaults });
  expect(text).toContain(
    'ExecStart=/usr/bin/node /opt/a.cjs run --config-dir "/srv/my agent/100%%" --state-dir /srv/$$state\n',
  );
  expect(text).toContain("ConditionPathExists=/srv/my agent/100%%/agent.yaml\n");
  expect(text).not.toContain("StateDirectory");
  const usual = unitText({ command: ["/usr/bin/restic-manager-agent"], directories: defaults, defaults });
  expect(usual).toContain("ExecStart=/usr/bin/restic-manager-agent run\n");
  expect(usual).toContain("StateDirectory=restic-manager\nStateDirectoryMode=0700\n");
});
