import type { HostResource, JobResource } from "../../protocol/api.ts";

/** Something a person should look at, worst first. */
export type Concern =
  | { kind: "failing"; host: HostResource }
  | { kind: "check-failed"; host: HostResource }
  | { kind: "held"; job: JobResource }
  | { kind: "late"; host: HostResource }
  | { kind: "warnings"; host: HostResource }
  | { kind: "offline"; host: HostResource };

const RANK: Record<Concern["kind"], number> = {
  failing: 0,
  "check-failed": 1,
  held: 2,
  late: 3,
  warnings: 4,
  offline: 5,
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
