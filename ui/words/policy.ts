import { shellWord } from "../../protocol/shell-word.ts";
import type { HostPolicy } from "../../protocol/schedule.ts";
import { listText } from "./lists.ts";

/** The line that changes a host's own policy, for its root to run. A list takes a word an entry, or none. */
export function policyCommand(key: string, ...values: readonly string[]): string {
  const given = values.length === 0 ? ["none"] : values;
  return `sudo restic-manager-agent policy set ${[key, ...given].map(shellWord).join(" ")}`;
}

/**
 * Which of these paths the host's policy keeps it from backing up: sentences that end with the local command that would
 * allow it. The agent resolves links before it judges, so it may see it otherwise.
 */
export function pathRefusals(policy: HostPolicy | undefined, paths: readonly string[]): string[] {
  if (!policy) return [];
  const within = (path: string, folder: string) =>
    path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
  const refusals: string[] = [];
  const add = (says: string, command: string) => refusals.push(`${says} To allow it, run on the host: ${command}`);

  const allowed = policy.allowPaths;
  const outside = allowed === null ? [] : paths.filter((path) => !allowed.some((folder) => within(path, folder)));
  if (outside.length > 0)
    add(
      `The policy of this host does not allow ${listText(outside)} to be backed up.`,
      policyCommand("allow_paths", ...allowed!, ...outside),
    );
  const denying = policy.denyPaths.filter((folder) => paths.some((path) => within(path, folder)));
  const denied = paths.filter((path) => denying.some((folder) => within(path, folder)));
  if (denied.length > 0)
    add(
      `The policy of this host denies ${listText(denying)}, so ${listText(denied)} is not backed up.`,
      policyCommand("deny_paths", ...policy.denyPaths.filter((folder) => !denying.includes(folder))),
    );
  return refusals;
}
