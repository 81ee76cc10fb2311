import type { HostResource } from "../../protocol/api.ts";

const MINUTE_MS = 60_000;

/** Hosts whose backups are due in the same minute. */
export interface NextRun {
  atMs: number;
  hosts: number;
  /** Of the first of them by name. */
  name: string;
}

/** The next `most` minutes in which backups are due, soonest first; what is overdue is not to come. */
export function nextRuns(hosts: readonly HostResource[], nowMs: number, most: number): NextRun[] {
  const runs = new Map<number, NextRun>();
  for (const host of hosts) {
    if (host.nextDueAtMs === undefined || host.nextDueAtMs <= nowMs) continue;
    const minute = Math.floor(host.nextDueAtMs / MINUTE_MS);
    const run = runs.get(minute);
    if (!run) runs.set(minute, { atMs: host.nextDueAtMs, hosts: 1, name: host.name });
    else {
      run.hosts += 1;
      if (host.nextDueAtMs < run.atMs) run.atMs = host.nextDueAtMs;
      if (host.name < run.name) run.name = host.name;
    }
  }
  return [...runs.values()].sort((a, b) => a.atMs - b.atMs).slice(0, most);
}
