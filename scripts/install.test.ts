import { createHash, randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { removeFolder, temporaryFolder } from "../tests/support/folders.ts";
import { nodeBinary, runProcess, type Finished } from "../tests/support/process.ts";

const script = fileURLToPath(new URL("install.sh", import.meta.url));

/** Stands in for the agent: tells what it was called with, and joins by making agent.yaml. */
const fakeAgent = `#!/usr/bin/env node
const { mkdirSync, writeFileSync } = require("node:fs");
const args = process.argv.slice(2);
const value = (name) => args[args.indexOf(name) + 1];
if (args[0] === "version") console.log("restic-manager-agent 0.0.0");
if (args[0] === "policy") writeFileSync(value("--config-dir") + "/policy.yaml", args.join(" "));
if (args[0] === "enroll" || args[0] === "announce") {
  if ((args[0] === "enroll") !== Boolean(process.env.RM_TOKEN)) process.exit(1);
  mkdirSync(value("--config-dir"), { recursive: true });
  writeFileSync(value("--config-dir") + "/agent.yaml", JSON.stringify({ args, pin: process.env.RM_CERT_SHA256 }));
}
`;

let folder: string;
let server: Server;
let origin: string;
let agent: string;
let checksum: string | null;

beforeEach(async () => {
  folder = temporaryFolder("install");
  agent = fakeAgent;
  checksum = null;
  server = createServer((request, response) => {
    const sum = checksum ?? createHash("sha256").update(agent).digest("hex");
    if (request.url === "/agent/linux-amd64.sha256") response.end(`${sum}  linux-amd64\n`);
    else if (request.url === "/agent/linux-amd64") response.end(agent);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port was given");
  origin = `http://127.0.0.1:${address.port}`;
  // Another processor's machine gets the same files: uname is part of the scene.
  place("path/uname", '#!/bin/sh\ncase $1 in -s) echo Linux ;; *) echo "${FAKE_MACHINE:-x86_64}" ;; esac\n');
  place("path/crontab", `#!/bin/sh\ncat '${join(folder, "crontab")}'\n`);
  writeFileSync(join(folder, "crontab"), "# restic was here\n0 1 * * * /usr/bin/true\n0 3 * * * restic backup /srv\n");
});
afterEach(async () => {
  await new Promise<void>((resolve) => server.close(() => resolve()));
  removeFolder(folder);
});

function place(path: string, content: string): void {
  mkdirSync(join(folder, path, ".."), { recursive: true });
  writeFileSync(join(folder, path), content);
  chmodSync(join(folder, path), 0o755);
}

async function install(env: Record<string, string> = {}, args = ["--server", origin]): Promise<Finished> {
  return runProcess("sh", [script, ...args], {
    env: {
      PATH: `${join(folder, "path")}:${process.env["PATH"]}`,
      RM_PREFIX: join(folder, "prefix"),
      RM_CONFIG_DIR: join(folder, "config"),
      RM_STATE_DIR: join(folder, "state"),
      RM_ETC: join(folder, "etc"),
      RM_NODE: nodeBinary,
      RM_TOKEN: "rmt_secret",
      ...env,
    },
  });
}

const installed = () => join(folder, "prefix/bin/restic-manager-agent");

test("installs the agent with its own Node, enrols it with the token in the environment, and can be run again", async () => {
  const first = await install({ RM_CERT_SHA256: "ab" });
  expect(first).toMatchObject({ code: 0, stderr: "" });
  expect(readFileSync(installed(), "utf8").split("\n")[0]).toMatch(/^#!\/.*node$/);
  const enrolled = readFileSync(join(folder, "config/agent.yaml"), "utf8");
  const dirs = ["--config-dir", join(folder, "config"), "--state-dir", join(folder, "state")];
  expect(JSON.parse(enrolled)).toEqual({ pin: "ab", args: ["enroll", "--server", origin, ...dirs] });
  expect(readFileSync(join(folder, "config/policy.yaml"), "utf8")).toBe(["policy", "init", ...dirs].join(" "));
  expect(enrolled).not.toContain("rmt_secret");
  expect(first.stdout).not.toContain("rmt_secret");

  agent = fakeAgent.replace("0.0.0", "0.0.1");
  const second = await install({ RM_TOKEN: "" });
  expect(second).toMatchObject({ code: 0 });
  expect(second.stdout).toContain("restic-manager-agent 0.0.1");
  expect(second.stdout).toContain("keeps its identity");
  expect(readFileSync(join(folder, "config/agent.yaml"), "utf8")).toBe(enrolled);
});

test("joins by announcing where it is asked to, with no token, and not with both", async () => {
  const both = await install({}, ["--server", origin, "--announce"]);
  expect(both).toMatchObject({ code: 2, stdout: "" });
  const announced = await install({ RM_TOKEN: "" }, ["--server", origin, "--announce"]);
  expect(announced).toMatchObject({ code: 0, stderr: "" });
  const { args } = JSON.parse(readFileSync(join(folder, "config/agent.yaml"), "utf8")) as { args: string[] };
  expect(args.slice(0, 3)).toEqual(["announce", "--server", origin]);
});

test("lists what runs restic already, with the commands that disable it, and disables none", async () => {
  place("etc/systemd/system/nightly.timer", "[Timer]\nOnCalendar=daily\nUnit=dump.service\n");
  place("etc/systemd/system/dump.service", "[Service]\nExecStart=/usr/bin/restic backup /srv\n");
  place("etc/systemd/system/other.timer", "[Timer]\n# not restic\n");
  place("etc/cron.d/backup", "0 2 * * * root restic backup /etc\n");
  place("etc/cron.d/commented", "# restic backup /etc\n");
  place("etc/cron.d/old.disabled", "0 2 * * * root restic backup /etc\n");
  place("etc/cron.daily/dump", "#!/bin/sh\nrestic backup /home\n");
  const { code, stdout } = await install();
  expect(code).toBe(0);
  const commands = stdout
    .slice(stdout.indexOf("runs restic already"))
    .split("\n")
    .filter((line) => /^ {2}[^#]/.test(line));
  expect(commands.map((line) => line.trim())).toEqual([
    "systemctl disable --now 'nightly.timer'",
    `mv '${join(folder, "etc/cron.d/backup")}' '${join(folder, "etc/cron.d/backup.disabled")}'`,
    `chmod -x '${join(folder, "etc/cron.daily/dump")}'`,
    "crontab -l | sed '3s/^/#/' | crontab -",
  ]);
  expect(existsSync(join(folder, "etc/cron.d/backup"))).toBe(true);
});

test.each([
  ["a damaged download", () => (checksum = randomBytes(32).toString("hex")), {}, "damaged"],
  ["no token", () => {}, { RM_TOKEN: "" }, "no enrolment token"],
  ["another processor", () => {}, { FAKE_MACHINE: "riscv64" }, "riscv64"],
  ["a Node that is too old", () => place("old-node", "#!/bin/sh\necho 20.20.2\n"), { old: "1" }, "20.20.2"],
])("stops at %s with a sentence, and enrols nothing", async (_what, prepare, env, words) => {
  prepare();
  const run = await install("old" in env ? { RM_NODE: join(folder, "old-node") } : env);
  expect(run.code).toBe(1);
  expect(run.stderr).toContain(words);
  expect(existsSync(join(folder, "config/agent.yaml"))).toBe(false);
});

test("is clean to shellcheck, and does nothing when it was cut off", async () => {
  expect(await runProcess("shellcheck", [script])).toMatchObject({ code: 0, stdout: "" });
  const half = join(folder, "half.sh");
  writeFileSync(half, readFileSync(script, "utf8").replace(/main "\$@"\n$/, ""));
  expect(await runProcess("sh", [half, "--server", origin])).toMatchObject({ code: 0, stdout: "", stderr: "" });
});
