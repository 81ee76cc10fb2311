import { join, normalize } from "node:path";
import { ok, type Result } from "../../protocol/failure.ts";
import type { HostPolicy } from "../../protocol/schedule.ts";
import type { RealPaths } from "./real-paths.ts";
import { forbidden, setCommand, type PolicyCommand } from "./refusals.ts";

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
}

function clean(path: string): string {
  const short = normalize(path);
  return short.length > 1 && short.endsWith("/") ? short.slice(0, -1) : short;
}

/** A path as an exclude pattern that means it and nothing else (restic manual, "Excluding Files"; Go's filepath.Match). */
export function literalPattern(path: string): string {
  return path.replaceAll(/[\\*?[]/g, String.raw`\$&`);
}

/**
 * Judges what a backup wants to read, by real paths. A path that is not allowed, or is denied itself, is refused with
 * the command that would allow it; denied folders below an allowed path are answered as exclude patterns. Fails
 * with backup.source_missing where a file system does not answer.
 */
export async function judgePaths(
  paths: readonly string[],
  policy: Pick<HostPolicy, "allowPaths" | "denyPaths">,
  command: PolicyCommand,
  realPaths: Pick<RealPaths, "all">,
): Promise<Result<{ excludes: string[] }>> {
  if (policy.allowPaths === null && policy.denyPaths.length === 0) return ok({ excludes: [] });
  const realAllowed = await realPaths.all(policy.allowPaths ?? []);
  const realDenied = await realPaths.all(policy.denyPaths);
  // restic saves what a path means without its dots, wherever the links before them lead (filepath.Clean in its archiver).
  const asked = paths.map(clean);
  const realAsked = await realPaths.all(asked);
  if (!realAllowed.ok) return realAllowed;
  if (!realDenied.ok) return realDenied;
  if (!realAsked.ok) return realAsked;
  const allowed = policy.allowPaths === null ? null : realAllowed.value;
  const denied = policy.denyPaths.map((path, i) => ({ path, real: realDenied.value[i]! }));
  const excludes: string[] = [];
  for (const [i, path] of asked.entries()) {
    const real = realAsked.value[i]!;
    if (allowed && !allowed.some((folder) => isWithin(real, folder)))
      return forbidden(
        `The policy of this host does not allow ${path} to be backed up.`,
        setCommand(command, "allow_paths", ...policy.allowPaths!, real),
      );
    const stop = denied.find((one) => isWithin(real, one.real) || isWithin(path, one.path));
    if (stop)
      return forbidden(
        `The policy of this host denies ${stop.path}, so ${path} is not backed up.`,
        setCommand(command, "deny_paths", ...policy.denyPaths.filter((one) => one !== stop.path)),
      );
    for (const one of denied) {
      if (isWithin(one.real, real)) excludes.push(literalPattern(join(path, one.real.slice(real.length))));
      // A link below the path is named too, though restic would keep only the link.
      else if (isWithin(one.path, path)) excludes.push(literalPattern(one.path));
    }
  }
  return ok({ excludes: [...new Set(excludes)] });
}
