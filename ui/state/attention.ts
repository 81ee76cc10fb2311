import type { HostResource, JobResource } from "../../protocol/api.ts";

/** Something a person should look at, worst first. */
export type Concern =
  | { kind: "locked"; host: HostResource }
  | { kind: "failing"; host: HostResource }
  | { kind: "check-failed"; host: HostResource }
  | { kind: "held"; job: JobResource }
  | { kind: "late"; host: HostResource }
  | { kind: "warnings"; host: HostResource }
  | { kind: "offline"; host: HostResource };

const RANK: Record<Concern["kind"], number> = {
  locked: 0,
  failing: 1,
  "check-failed": 2,
  held: 3,
  late: 4,
  warnings: 5,
  offline: 6,
};

/** What the fleet's hosts and its held plans ask for; hosts of one kind with the longest without a good backup first. */
export function concerns(hosts: readonly HostResource[], held: readonly JobResource[]): Concern[] {
  const all: Concern[] = held.map((job) => ({ kind: "held", job }));
  for (const host of hosts) {
    const kind = kindOf(host);
    if (kind !== null) all.push({ kind, host });
  }
  return all.sort((a, b) => RANK[a.kind] - RANK[b.kind] || goodAtMs(a) - goodAtMs(b));
}

function kindOf(host: HostResource): Exclude<Concern["kind"], "held"> | null {
  if (host.locked) return "locked";
  switch (host.status) {
    case "failing":
      return host.lastBackupOutcome === "failed" || !host.checkFailed ? "failing" : "check-failed";
    case "late":
    case "warnings":
    case "offline":
      return host.status;
    case "new":
    case "protected":
      return null;
  }
}

function goodAtMs(concern: Concern): number {
  return concern.kind === "held" ? concern.job.createdAtMs : (concern.host.lastGoodBackupAtMs ?? 0);
}
