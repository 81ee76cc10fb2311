import type { HostPolicy } from "../../protocol/schedule.ts";

/**
 * Why the host's own guard refuses a forget that would take `removed` of the `before` snapshots of a schedule, as a
 * sentence that ends with the local command that would allow it; null when it does not. No server can release it.
 */
export function hostForgetRefusal(
  policy: Pick<HostPolicy, "keepAtLeast" | "maxShare">,
  before: number,
  removed: number,
): string | null {
  if (removed === 0) return null;
  const left = before - removed;
  const complaints: string[] = [];
  const settings: string[] = [];
  if (left < policy.keepAtLeast) {
    complaints.push(`leave ${left}, and at least ${policy.keepAtLeast} must stay`);
    settings.push(`keep_at_least ${left}`);
  }
  if (removed / before > policy.maxShare) {
    const percent = Math.ceil((removed * 100) / before);
    complaints.push(`take ${percent} % at once, and at most ${Math.round(policy.maxShare * 1000) / 10} % may go`);
    settings.push(`max_share ${percent / 100}`);
  }
  if (complaints.length === 0) return null;
  const what = removed === 1 ? "1 snapshot" : `${removed} snapshots`;
  const commands = settings.map((setting) => `sudo restic-manager-agent policy set ${setting}`);
  return (
    `This host's policy forbids removing ${what} of ${before}: it would ${complaints.join("; it would ")}. ` +
    `To allow it, run on the host: ${commands.join(" && ")}`
  );
}
