import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import type { Result } from "../../protocol/failure.ts";
import { parseAddress } from "../../protocol/repository.ts";
import { ConfigError } from "../config/config.ts";
import type { Directories } from "../config/directories.ts";
import { isSystemError, makePrivateDirectory, writeFileAtomically } from "../disk/atomic-file.ts";
import { editPolicy } from "../policy/edit-policy.ts";
import { distrust } from "../policy/own-file.ts";
import { hooksFolder, pinFile, policyFile, readPolicy } from "../policy/policy-file.ts";
import { POLICY_TEXT } from "../policy/policy-text.ts";
import { RepositoryPin } from "../policy/repository-pin.ts";
import type { CliOptions } from "./options.ts";

/** Root reads or changes what this host allows; answers what to print. */
export function policyCommand({ directories, words, json }: CliOptions): string {
  const [verb, ...rest] = words;
  try {
    if (verb === "show" && rest.length === 0) return show(directories, json);
    if (verb === "init" && rest.length === 0) return init(directories);
    if (verb === "set") return set(directories, rest);
    if (verb === "allow-repository" && rest.length === 1) return allowRepository(directories, rest[0]!);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new ConfigError(`The policy cannot be changed: ${error.message}. Run this as root.`);
  }
  throw new ConfigError("Say what to do with the policy: show, set KEY VALUE…, allow-repository ADDRESS, or init.");
}

function show(directories: Directories, json: boolean): string {
  const { hooks, ...values } = need(readPolicy(directories));
  const pinned = values.allowRepositories === "first" ? new RepositoryPin(pinFile(directories)).addresses() : null;
  if (json) return JSON.stringify({ ...values, hooks, pinnedRepositories: pinned });
  const rows: [string, unknown][] = [
    ...Object.entries(values).map(([name, value]): [string, unknown] => [snakeCase(name), value]),
    ...(values.allowRepositories === "first"
      ? [["pinned repositories", pinned ?? "none yet"] satisfies [string, unknown]]
      : []),
    ["usable hooks", hooks],
  ];
  const file = policyFile(directories);
  return [
    existsSync(file) ? file : `${file} is not there; these are the defaults:`,
    ...rows.map(([name, value]) => `${`${name}:`.padEnd(20)} ${inWords(value)}`),
  ].join("\n");
}

function init(directories: Directories): string {
  const file = policyFile(directories);
  makePrivateDirectory(directories.config);
  const folder = hooksFolder(directories);
  if (!existsSync(folder)) {
    mkdirSync(folder);
    chmodSync(folder, 0o755);
  }
  if (existsSync(file)) return `${file} is there already and stays as it is.`;
  writePolicy(file, POLICY_TEXT);
  return `${file} holds the defaults of what this host allows.`;
}

function set(directories: Directories, [key = "", ...values]: readonly string[]): string {
  const file = policyFile(directories);
  makePrivateDirectory(directories.config);
  writePolicy(file, need(editPolicy(readText(file), key, values)));
  return `${key} is set in ${file}. A running agent notices within 30 seconds.`;
}

function allowRepository(directories: Directories, address: string): string {
  need(parseAddress(address));
  const { allowRepositories } = need(readPolicy(directories));
  if (allowRepositories !== "first") return set(directories, ["allow_repositories", ...allowRepositories, address]);
  const path = pinFile(directories);
  makePrivateDirectory(directories.state);
  new RepositoryPin(path).add(address);
  // Root writes into a folder that may be another user's, whose agent must read it.
  const { uid, gid } = statSync(directories.state);
  chownSync(path, uid, gid);
  return `${address} may receive this host's data. A running agent notices within 30 seconds.`;
}

function readText(file: string): string {
  if (!existsSync(file)) return POLICY_TEXT;
  const why = distrust(file, "file");
  if (why !== null) throw new ConfigError(why);
  return readFileSync(file, "utf8");
}

/** Everyone may read what a host allows; only root writes it. */
function writePolicy(file: string, text: string): void {
  writeFileAtomically(file, text);
  chmodSync(file, 0o644);
}

function need<T>(result: Result<T>): T {
  if (!result.ok) throw new ConfigError(result.failure.message);
  return result.value;
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function inWords(value: unknown): string {
  if (value === null) return "any";
  if (!Array.isArray(value)) return String(value);
  return value.length === 0 ? "none" : value.join(" ");
}
