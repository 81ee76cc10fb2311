import type { HostPolicy } from "../../protocol/schedule.ts";

/** Where a host's own policy is kept, which only its root can change. */
export const POLICY_FILE = "/etc/restic-manager/policy.yaml";

/** The line that changes a host's policy, for its root to run. */
export function policyCommand(key: string, value: string): string {
  return `sudo restic-manager-agent policy set ${key} ${value}`;
}

/**
 * What the host's policy says of a path, as a sentence, or null where it allows it. The agent resolves links before it
 * judges, so it may refuse what this allows, never the other way round.
 */
export function pathRefusal(policy: HostPolicy | undefined, path: string): string | null {
  if (!policy) return null;
  const covers = (root: string) => path === root || path.startsWith(root.endsWith("/") ? root : `${root}/`);
  if (policy.denyPaths.some(covers)) return `The host does not allow ${path}: deny_paths in ${POLICY_FILE} names it.`;
  if (policy.allowPaths !== null && !policy.allowPaths.some(covers))
    return `The host does not allow ${path}: allow_paths in ${POLICY_FILE} does not name it.`;
  return null;
}
