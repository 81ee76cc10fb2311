import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { fail, ok, type Result } from "../../protocol/failure.ts";
import type { HostPolicy } from "../../protocol/schedule.ts";
import { statePath, type Directories } from "../config/directories.ts";
import { usableHooks } from "../hooks/hook-folder.ts";
import type { Platform } from "../platform/platform.ts";
import { distrust } from "./own-file.ts";
import { readPolicyValues, type PolicyValues } from "./policy-values.ts";
import type { PolicyCommand } from "./refusals.ts";

const MAX_POLICY_BYTES = 64 * 1024;

export function policyFile(directories: Directories): string {
  return join(directories.config, "policy.yaml");
}
export function hooksFolder(directories: Directories): string {
  return join(directories.config, "hooks.d");
}

/** The addresses that `allow_repositories: first` stands for. */
export function pinFile(directories: Directories): string {
  return statePath(directories, "repositories.json");
}
/** How the policy of this agent is changed: a folder that the platform's agent finds by itself goes without saying. */
export function policyCommandOf(directories: Directories, platform: Platform): PolicyCommand {
  const { config, state } = platform.defaultDirectories;
  return {
    configDirectory: directories.config === config ? null : directories.config,
    stateDirectory: directories.state === state ? null : directories.state,
  };
}

/** What this host allows, read afresh: the file, or the defaults where there is none, and the hooks that may be named. */
export function readPolicy(directories: Directories): Result<HostPolicy> {
  const values = readPolicyFile(policyFile(directories));
  if (!values.ok) return values;
  return ok({ ...values.value, hooks: usableHooks(hooksFolder(directories)) });
}

/** A file that is not root's, that others may write or that holds a mistake allows nothing: policy.unreadable. */
function readPolicyFile(path: string): Result<PolicyValues> {
  const unreadable = (why: string) =>
    fail("policy.unreadable", `The policy of this host cannot be trusted or read: ${why}`);
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return ok(readPolicyValues(null) as PolicyValues);
    if (code === "ELOOP") return unreadable(`${path} is a symbolic link. Put the file itself there.`);
    return unreadable(`${message}. Make it readable for the agent's user.`);
  }
  try {
    const stat = fstatSync(fd);
    const why = distrust(dirname(path), "folder", statSync(dirname(path))) ?? distrust(path, "file", stat);
    if (why !== null) return unreadable(why);
    if (stat.size > MAX_POLICY_BYTES) return unreadable(`${path} is larger than 64 KiB. Shorten it.`);
    const values = parsePolicy(readFileSync(fd, "utf8"));
    return typeof values === "string" ? unreadable(`in ${path}, ${values}. Correct the line.`) : ok(values);
  } finally {
    closeSync(fd);
  }
}

/** The policy in a text of YAML, or a sentence about what is wrong with it. */
export function parsePolicy(text: string): PolicyValues | string {
  let content: unknown;
  try {
    content = parse(text, { maxAliasCount: 0 });
  } catch (error) {
    return (error as Error).message.split("\n")[0]!.replace(/:$/, "");
  }
  return readPolicyValues(content);
}
