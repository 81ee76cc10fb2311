import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { removeFolder, temporaryFolder } from "../../tests/support/folders.ts";
import { AGENT_VERSION } from "../version.ts";
import { ConfigError, loadConfig, saveConfig, type AgentConfig } from "./config.ts";

const config: AgentConfig = {
  server: "https://backup.example.net",
  hostId: "0198c2f0-79b0-7000-8000-00000000000a",
  hostname: 'odd "name": yes # no\n',
  bearer: "rmh_secret",
  signKey: "s".repeat(43),
  sealKey: "e".repeat(43),
  vaultKey: "v".repeat(43),
  restic: null,
  certSha256: null,
  allowPlainWs: false,
};
let folder: string;
let file: string;
beforeEach(() => {
  folder = temporaryFolder("config");
  file = join(folder, "agent.yaml");
  saveConfig({ config: folder, state: folder }, config);
});
afterEach(() => removeFolder(folder));
const load = () => loadConfig({ config: folder, state: folder });

test("what is kept is read again, whatever it holds, and is the owner's alone", () => {
  expect(load()).toEqual(config);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, "utf8")).toMatch(/# Encrypts secrets\.enc .*\n.*\nvaultKey/);
});

test.each([0o640, 0o604, 0o620])("mode %o is refused, with the remedy", (mode) => {
  chmodSync(file, mode);
  expect(load).toThrow(/chmod 600/);
});

test.runIf(process.getuid?.() === 0)("a file of another user is refused", async () => {
  const { chownSync } = await import("node:fs");
  chownSync(file, 12_345, 0);
  expect(load).toThrow(/belongs to user 12345/);
});

test("a field that is wrong is named, its value is not", () => {
  writeFileSync(file, readFileSync(file, "utf8").replace(/signKey: .*/, 'signKey: "too-short-secret"'));
  expect(load).toThrow(ConfigError);
  expect(load).toThrow(/"signKey"/);
  expect(load).not.toThrow(/too-short-secret/);
  removeFolder(folder);
  expect(load).toThrow(/enroll --server/);
});

test("the agent calls itself by the version of package.json", () => {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  expect(AGENT_VERSION).toBe(version);
});
