import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildAptRepository, signAptRepository } from "../../packaging/apt-repository.ts";
import { buildDeb } from "../../packaging/deb.ts";
import { buildNupkg } from "../../packaging/nupkg.ts";
import { runTool } from "../../packaging/run-tool.ts";
import { removeFolder, temporaryFolder } from "../support/folders.ts";
import { runProcess } from "../support/process.ts";

/**
 * The packages as apt and dpkg of Debian 13 see them, in a root without a running systemd. The agent is a stand-in that
 * only tells its version: what counts here is what the packages do with files.
 */
const epochSeconds = 1_800_000_000;
const folder = temporaryFolder("packages");
const root = join(folder, "root");
const repository = join(folder, "apt");
const keyFile = join(folder, "key.asc");
const inRoot = (path: string) => join(root, path);
let server: Server;

beforeAll(async () => {
  const packages = "--include=libstdc++6,init-system-helpers,ca-certificates";
  runTool("mmdebstrap", ["--quiet", "--variant=minbase", packages, "trixie", root, mirror()]);
  makeKey(keyFile, "ed25519");
  publish("1.0.0-rc.1");
  server = createServer((request, response) => {
    const path = join(repository, decodeURIComponent(request.url ?? ""));
    if (existsSync(path) && statSync(path).isFile()) response.end(readFileSync(path));
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port was given");
  for (const name of readdirSync(inRoot("etc/apt/sources.list.d")))
    removeFolder(inRoot(`etc/apt/sources.list.d/${name}`));
  writeFileSync(inRoot("etc/apt/sources.list"), "");
  writeFileSync(
    inRoot("etc/apt/sources.list.d/restic-manager.sources"),
    `Types: deb
URIs: http://127.0.0.1:${address.port}
Suites: stable
Components: main
Signed-By: /etc/apt/keyrings/restic-manager.gpg
`,
  );
  mkdirSync(inRoot("etc/apt/keyrings"), { recursive: true });
  writeFileSync(inRoot("etc/apt/keyrings/restic-manager.gpg"), readFileSync(join(repository, "restic-manager.gpg")));
});
afterAll(async () => {
  await new Promise<void>((resolve) => server.close(() => resolve()));
  removeFolder(folder);
});

test("the same release makes the same bytes, and lintian finds no error", () => {
  const [first, second] = ["one", "two"].map((name) => {
    const out = join(folder, name);
    mkdirSync(out);
    const release = { version: "1.0.0", epochSeconds };
    return [buildDeb(standIn("1.0.0"), "arm64", release, out), buildNupkg(standIn("1.0.0"), release, out)];
  });
  expect(first!.map((path) => readFileSync(path))).toEqual(second!.map((path) => readFileSync(path)));
  // Debian 12's lintian knows no zstd
  const unpacked = join(folder, "unpacked");
  runTool("dpkg-deb", ["-R", first![0]!, unpacked]);
  runTool("dpkg-deb", ["--root-owner-group", "-Zxz", "-b", unpacked, join(folder, "xz.deb")]);
  expect(runTool("lintian", ["--allow-root", "--fail-on", "error,warning", join(folder, "xz.deb")])).toBe("");
});

test("apt installs it from the signed repository, enabled, with the policy for all to read and nobody to write", async () => {
  await apt("update");
  const output = await apt("install", "--no-install-recommends", "restic-manager-agent");
  expect(output).toContain("has not joined a server yet");
  expect(runInRoot("restic-manager-agent", "version")).toBe("1.0.0-rc.1\n");
  expect(readdirSync(inRoot("etc/systemd/system/multi-user.target.wants"))).toContain("restic-manager-agent.service");
  expect(mode("etc/restic-manager")).toBe(0o700);
  expect(mode("etc/restic-manager/policy.yaml")).toBe(0o644);
});

test("an upgrade takes the newer version, keeps the host's files, and leaves a disabled unit disabled", async () => {
  writeFileSync(inRoot("etc/restic-manager/agent.yaml"), "identity");
  writeFileSync(inRoot("etc/restic-manager/policy.yaml"), "allow_hooks: none\n");
  // as `systemctl disable` does
  rmSync(inRoot("etc/systemd/system/multi-user.target.wants/restic-manager-agent.service"));
  publish("1.0.0");
  await apt("update");
  expect(await apt("install", "--only-upgrade", "restic-manager-agent")).not.toContain("has not joined");
  expect(runInRoot("restic-manager-agent", "version")).toBe("1.0.0\n");
  expect(readFileSync(inRoot("etc/restic-manager/policy.yaml"), "utf8")).toBe("allow_hooks: none\n");
  expect(existsSync(inRoot("etc/systemd/system/multi-user.target.wants/restic-manager-agent.service"))).toBe(false);
});

test("apt refuses a repository whose signature is older than 14 days, or of another key", async () => {
  signAptRepository(repository, keyFile, Date.now() - 15 * 86_400_000);
  expect(await refusal()).toMatch(/expired/);
  const other = join(folder, "other.asc");
  makeKey(other, "ed25519");
  signAptRepository(repository, other, Date.now());
  expect(await refusal()).toMatch(/NO_PUBKEY|Missing key|not signed/);
  signAptRepository(repository, keyFile, Date.now());
});

test("a key that others can read, or of another kind, signs nothing", () => {
  const rsa = join(folder, "rsa.asc");
  makeKey(rsa, "rsa2048");
  expect(() => signAptRepository(repository, rsa, Date.now())).toThrow("exactly one ed25519");
  chmodSync(rsa, 0o644);
  expect(() => signAptRepository(repository, rsa, Date.now())).toThrow("chmod 600");
});

test("remove keeps identity, policy and state; purge asks nothing and takes them, but no repository", async () => {
  placeState();
  await apt("remove", "restic-manager-agent");
  expect(existsSync(inRoot("usr/bin/restic-manager-agent"))).toBe(false);
  expect(readFileSync(inRoot("etc/restic-manager/agent.yaml"), "utf8")).toBe("identity");
  expect(existsSync(inRoot("var/lib/restic-manager/journal"))).toBe(true);
  placeRepository("srv/repository");
  await apt("purge", "restic-manager-agent");
  expect(existsSync(inRoot("etc/restic-manager"))).toBe(false);
  expect(existsSync(inRoot("var/lib/restic-manager"))).toBe(false);
  expect(existsSync(inRoot("srv/repository/config"))).toBe(true);
  expect(readdirSync(inRoot("etc/systemd/system"), { recursive: true }).join()).not.toContain("restic-manager");
});

test("purge leaves a state folder in which somebody put a repository, and says so", async () => {
  await apt("install", "--no-install-recommends", "restic-manager-agent");
  placeState();
  placeRepository("var/lib/restic-manager/my repository");
  expect(await apt("purge", "restic-manager-agent")).toContain("/var/lib/restic-manager holds a restic repository");
  expect(existsSync(inRoot("var/lib/restic-manager/my repository/config"))).toBe(true);
  expect(existsSync(inRoot("etc/restic-manager"))).toBe(false);
});

test("the .nupkg holds what NuGet looks for first, well formed, and VERIFICATION.txt names its program's sum", () => {
  const path = buildNupkg(standIn("1.0.0"), { version: "1.0.0", epochSeconds }, folder);
  const names = runTool("unzip", ["-Z1", path]).trim().split("\n");
  expect(names.slice(0, 3)).toEqual(["[Content_Types].xml", "_rels/.rels", "restic-manager-agent.nuspec"]);
  const out = join(folder, "nupkg");
  runTool("unzip", ["-q", path, "-d", out]);
  for (const name of names.slice(0, 3)) runTool("xmllint", ["--noout", join(out, name)]);
  const sum = runTool("sha256sum", [join(out, "tools/restic-manager-agent.exe")]).slice(0, 64);
  expect(readFileSync(join(out, "tools/VERIFICATION.txt"), "utf8")).toContain(sum);
});

function publish(version: string): void {
  const debs = (["amd64", "arm64"] as const).map((arch) =>
    buildDeb(standIn(version), arch, { version, epochSeconds }, folder),
  );
  buildAptRepository(debs, repository, keyFile, Date.now());
}

function standIn(version: string): string {
  const path = join(folder, `agent-${version}`);
  writeFileSync(path, `#!/bin/sh\necho ${version}\n`);
  return path;
}

function placeState(): void {
  mkdirSync(inRoot("var/lib/restic-manager/cache/0123/snapshots"), { recursive: true });
  writeFileSync(inRoot("var/lib/restic-manager/journal"), "");
}

/** The layout of restic's repository format 2 (restic's design.rst). */
function placeRepository(path: string): void {
  for (const name of ["data", "index", "keys", "locks", "snapshots"])
    mkdirSync(inRoot(`${path}/${name}`), { recursive: true });
  writeFileSync(inRoot(`${path}/config`), "");
}

function makeKey(file: string, kind: string): void {
  const home = temporaryFolder("gpg");
  const gpg = (...args: string[]) => runTool("gpg", ["--homedir", home, "--batch", "--quiet", ...args]);
  gpg("--passphrase", "", "--quick-generate-key", "packages", kind, "sign", "never");
  writeFileSync(file, gpg("--armor", "--export-secret-keys"), { mode: 0o600 });
  runTool("gpgconf", ["--homedir", home, "--kill", "all"]);
  removeFolder(home);
}

/** The Debian mirror that this machine's own apt uses. */
function mirror(): string {
  const lines = runTool("apt-get", ["indextargets", "--format", "$(REPO_URI) $(COMPONENT)"]).split("\n");
  const found = lines.find((line) => line.endsWith(" main") && !line.includes("security"));
  if (found === undefined) throw new Error("no Debian source in this machine's apt configuration");
  return found.split(" ")[0]!;
}

/** stdin is empty: whatever asks a question fails. */
async function apt(...args: string[]): Promise<string> {
  const done = await runApt(args);
  expect(done.code, done.stdout + done.stderr).toBe(0);
  return done.stdout + done.stderr;
}

async function refusal(): Promise<string> {
  const done = await runApt(["-o", "APT::Update::Error-Mode=any", "update"]);
  expect(done.code).not.toBe(0);
  return done.stdout + done.stderr;
}

async function runApt(args: string[]) {
  return runProcess("chroot", [root, "apt-get", "-y", ...args], { env: { DEBIAN_FRONTEND: "noninteractive" } });
}

function runInRoot(...command: string[]): string {
  return runTool("chroot", [root, ...command]);
}

function mode(path: string): number {
  return statSync(inRoot(path)).mode & 0o777;
}
