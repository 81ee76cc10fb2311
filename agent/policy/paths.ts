import { type PlatformPath, posix, win32 } from "node:path";
import { ok, type Result } from "../../protocol/failure.ts";
import type { HostPolicy } from "../../protocol/schedule.ts";
import type { RealPaths } from "./real-paths.ts";
import { forbidden, setCommand, type PolicyCommand } from "./refusals.ts";

/** How a system compares paths: Windows separates by a backslash, and tells no cases apart. */
export interface PathStyle extends Pick<PlatformPath, "join" | "normalize" | "sep"> {
  fold(path: string): string;
  /** As an exclude pattern that means this path and nothing else (restic manual, "Excluding Files"). */
  literalPattern(path: string): string;
}

/** Go's filepath.Match escapes by a backslash, but not on Windows, where no name holds an asterisk or a question mark. */
export const PATH_STYLES: Readonly<Record<"linux" | "windows", PathStyle>> = {
  linux: {
    ...posix,
    fold: (path) => path,
    literalPattern: (path) => path.replaceAll(/[\\*?[]/g, String.raw`\$&`),
  },
  windows: {
    ...win32,
    fold: (path) => path.toLowerCase(),
    literalPattern: (path) => path.replaceAll("[", "[[]"),
  },
};

const OWN_STYLE = PATH_STYLES[process.platform === "win32" ? "windows" : "linux"];

function isWithin(path: string, folder: string, { fold, sep }: PathStyle): boolean {
  const [inner, outer] = [fold(path), fold(folder)];
  return inner === outer || inner.startsWith(outer.endsWith(sep) ? outer : outer + sep);
}

/** Without dots and without a separator at its end, which only a root keeps. */
function clean(path: string, { normalize, sep }: PathStyle): string {
  const short = normalize(path);
  return short.length > 1 && short.endsWith(sep) && !short.endsWith(`:${sep}`) ? short.slice(0, -1) : short;
}

/** A share or a device of Windows: another name for what a drive letter may name too, so that a denied folder hides in it. */
function isOtherName(path: string, { sep }: PathStyle): boolean {
  return path.startsWith(sep + sep);
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
  style: PathStyle = OWN_STYLE,
): Promise<Result<{ excludes: string[] }>> {
  if (policy.allowPaths === null && policy.denyPaths.length === 0) return ok({ excludes: [] });
  const realAllowed = await realPaths.all(policy.allowPaths ?? []);
  const realDenied = await realPaths.all(policy.denyPaths);
  // restic saves what a path means without its dots, wherever the links before them lead (filepath.Clean in its archiver).
  const asked = paths.map((path) => clean(path, style));
  const realAsked = await realPaths.all(asked);
  if (!realAllowed.ok) return realAllowed;
  if (!realDenied.ok) return realDenied;
  if (!realAsked.ok) return realAsked;
  const allowed = policy.allowPaths === null ? null : realAllowed.value;
  const denied = policy.denyPaths.map((path, i) => ({ path, real: realDenied.value[i]! }));
  const excludes: string[] = [];
  for (const [i, path] of asked.entries()) {
    const real = realAsked.value[i]!;
    if (allowed && !allowed.some((folder) => isWithin(real, folder, style)))
      return forbidden(
        `The policy of this host does not allow ${path} to be backed up.`,
        setCommand(command, "allow_paths", ...policy.allowPaths!, real),
      );
    if (!allowed && (isOtherName(real, style) || isOtherName(path, style)))
      return forbidden(
        `The policy of this host denies folders, so ${path}, a share or a device, has to be allowed by name.`,
        setCommand(command, "allow_paths", path),
      );
    const stop = denied.find((one) => isWithin(real, one.real, style) || isWithin(path, clean(one.path, style), style));
    if (stop)
      return forbidden(
        `The policy of this host denies ${stop.path}, so ${path} is not backed up.`,
        setCommand(command, "deny_paths", ...policy.denyPaths.filter((one) => one !== stop.path)),
      );
    for (const one of denied) {
      if (isWithin(one.real, real, style))
        excludes.push(style.literalPattern(style.join(path, one.real.slice(real.length))));
      // A link below the path is named too, though restic would keep only the link.
      else if (isWithin(one.path, path, style)) excludes.push(style.literalPattern(one.path));
    }
  }
  return ok({ excludes: [...new Set(excludes)] });
}
