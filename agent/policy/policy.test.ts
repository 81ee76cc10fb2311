import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { removeFolder, temporaryFolder } from "../../tests/support/folders.ts";
import { policyCommand } from "../cli/policy.ts";
import type { CliOptions } from "../cli/options.ts";
import type { Directories } from "../config/directories.ts";
import { editPolicy } from "./edit-policy.ts";
import { readPolicy } from "./policy-file.ts";
import { POLICY_TEXT } from "./policy-text.ts";

const defaults = {
  allowHooks: "named",
  hooks: [],
  allowPaths: null,
  denyPaths: [],
  allowRestore: "staging",
  restoreRoots: [],
  allowPrune: true,
  keepAtLeast: 3,
  maxShare: 0.5,
  allowRepositories: "first",
};

let folder: string;
let directories: Directories;
let file: string;
beforeEach(() => {
  folder = temporaryFolder("policy");
  directories = { config: join(folder, "config"), state: join(folder, "state") };
  mkdirSync(directories.config, { mode: 0o700 });
  file = join(directories.config, "policy.yaml");
});
afterEach(() => removeFolder(folder));

function command(...words: string[]): string {
  const options: CliOptions = {
    command: "policy",
    words,
    directories,
    server: null,
    allowPlainWs: false,
    json: false,
    stopWithStdin: false,
  };
  return policyCommand(options);
}
const write = (text: string) => {
  writeFileSync(file, text);
  chmodSync(file, 0o644);
};
const why = () => {
  const read = readPolicy(directories);
  return read.ok ? null : read.failure;
};

test("no file, and the installer's file, mean the defaults", () => {
  expect(readPolicy(directories)).toEqual({ ok: true, value: defaults });
  write(POLICY_TEXT);
  expect(readPolicy(directories)).toEqual({ ok: true, value: defaults });
});

test("each line that the installer's file shows as a default is one", () => {
  write(POLICY_TEXT.replaceAll(/^# (\w+: )/gm, "$1"));
  expect(readPolicy(directories)).toEqual({ ok: true, value: defaults });
});

describe("a file that allows nothing, for the agent cannot trust or understand it", () => {
  test.each([
    ["an unknown key", "allow_hook: none\n", 'there is no key "allow_hook"'],
    ["a value that is none", "allow_hooks: yes please\n", "allow_hooks must be none, named or remote"],
    ["a relative path", "deny_paths: [etc]\n", "deny_paths must be an absolute path"],
    ["a share beyond all", "max_share: 1.5\n", "max_share must be a number from 0 to 1"],
    ["a key twice", "allow_prune: true\nallow_prune: false\n", "Map keys must be unique"],
    ["a list", "- allow_prune\n", "it must hold lines"],
  ])("%s", (_name, text, sentence) => {
    write(text);
    expect(why()).toMatchObject({ code: "policy.unreadable", message: expect.stringContaining(sentence) as string });
  });

  test("one that others can write, or that is a link", () => {
    write("allow_prune: false\n");
    chmodSync(file, 0o664);
    expect(why()?.message).toContain(`sudo chmod go-w ${file}`);
    chmodSync(file, 0o644);
    chmodSync(directories.config, 0o777);
    expect(why()?.message).toContain(`sudo chmod go-w ${directories.config}`);
    chmodSync(directories.config, 0o700);
    symlinkSync(file, join(folder, "link"));
    directories = { ...directories, config: join(folder, "linked") };
    mkdirSync(directories.config);
    symlinkSync(file, join(directories.config, "policy.yaml"));
    expect(why()?.message).toContain("symbolic link");
  });
});

test("root sets one key, and the comments stay", () => {
  command("init");
  command("set", "allow_paths", "/srv", "/a b");
  command("set", "keep_at_least", "5");
  command("set", "allow_paths", "/srv", "/home");
  const text = readFileSync(file, "utf8");
  expect(text).toContain("\nallow_paths: [ /srv, /home ]\n");
  expect(text).toMatch(/\nkeep_at_least: 5\n\n?# … and never removes/);
  expect(text.match(/^#/gm)?.length).toBe(POLICY_TEXT.match(/^#/gm)!.length - 2);
  expect(readPolicy(directories)).toMatchObject({ value: { allowPaths: ["/srv", "/home"], keepAtLeast: 5 } });
  expect(statSync(file).mode & 0o777).toBe(0o644);
  expect(statSync(join(directories.config, "hooks.d")).mode & 0o777).toBe(0o755);
  expect(command("show")).toContain("allow_paths:         /srv /home");
  expect(command("init")).toContain("stays as it is");
});

test("a key, a value or a verb that is none changes nothing", () => {
  const before = "allow_prune: false\n";
  for (const words of [["nonsense", "1"], ["max_share", "7"], ["allow_paths", "srv"], ["allow_prune"], []])
    expect(editPolicy(before, words[0] ?? "", words.slice(1))).toMatchObject({ ok: false });
  expect(() => command("delete")).toThrow("Say what to do");
});

test("a list can be emptied, lifted, and an address added to what is allowed", () => {
  command("set", "deny_paths", "/a");
  command("set", "deny_paths", "none");
  command("set", "allow_paths", "any");
  command("set", "allow_repositories", "/srv/one");
  command("allow-repository", "/srv/two");
  expect(readPolicy(directories)).toMatchObject({
    value: { denyPaths: [], allowPaths: null, allowRepositories: ["/srv/one", "/srv/two"] },
  });
});
