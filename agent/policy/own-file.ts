import { lstatSync, type Stats } from "node:fs";
import { shellWord } from "../../protocol/shell-word.ts";

/**
 * On Windows there is neither owner nor mode to look at: who may write there is the access list of the folder that
 * Platform.privateFolder has made, and this only sees links and kinds. It cannot tell a list that was loosened since.
 *
 * Why a file or folder that only root may change cannot be trusted, and the command that mends it; null when it can.
 * An agent that is not root trusts its own user's too: it can do no more than that user anyway.
 */
export function distrust(path: string, kind: "file" | "folder", stat: Stats = lstatSync(path)): string | null {
  if (stat.isSymbolicLink()) return `${path} is a symbolic link. Put the ${kind} itself there.`;
  if (kind === "file" ? !stat.isFile() : !stat.isDirectory()) return `${path} is not a ${kind}.`;
  if (process.platform === "win32") return null;
  const uid = process.getuid?.();
  if (stat.uid !== 0 && stat.uid !== uid)
    return `${path} belongs to user ${stat.uid}, not to root. Run: sudo chown root ${shellWord(path)}`;
  if ((stat.mode & 0o022) !== 0)
    return `${path} can be written by others (mode ${(stat.mode & 0o7777).toString(8)}). Run: sudo chmod go-w ${shellWord(path)}`;
  return null;
}
