import { lstatSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import * as v from "valibot";
import { fail, ok, type Result } from "../../protocol/failure.ts";
import { hookName } from "../../protocol/schedule.ts";
import { distrust } from "../policy/own-file.ts";
import { shellWord } from "../../protocol/shell-word.ts";

const MAX_HOOKS = 200;

/** The path of a named hook, once it is sure that only root could have written it; else hook.unsafe with the remedy. */
export function findHook(folder: string, name: string): Result<string> {
  const path = join(folder, name);
  try {
    const above = dirname(folder);
    const why = distrust(above, "folder", statSync(above)) ?? distrust(folder, "folder") ?? distrust(path, "file");
    if (why !== null) return fail("hook.unsafe", `The hook ${name} is not run. ${why}`);
    if ((lstatSync(path).mode & 0o111) === 0)
      return fail(
        "hook.unsafe",
        `The hook ${name} is not run. ${path} is not executable. Run: sudo chmod +x ${shellWord(path)}`,
      );
    return ok(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? `There is no ${path} on this host. Put the script there, or` : `${message}.`;
    return fail("hook.unsafe", `The hook ${name} is not run. ${why} choose another hook.`);
  }
}

/** The names that `findHook` would accept, in order; empty where there is no such folder. */
export function usableHooks(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  return names
    .filter((name) => v.is(hookName, name) && findHook(folder, name).ok)
    .toSorted()
    .slice(0, MAX_HOOKS);
}
