import type { JobSpec } from "../../protocol/wire.ts";

/** A job as the queue sees it; the list is in the order of acceptance. */
export interface QueuedWork {
  jobId: string;
  state: "queued" | "running" | "finished";
  spec: JobSpec | null;
}

/** The jobs that may start now: the oldest waiting one of each repository on which none runs. */
export function startable(jobs: readonly QueuedWork[]): string[] {
  const busy = new Set(jobs.flatMap((job) => (job.state === "running" && job.spec ? [job.spec.repositoryId] : [])));
  const ids: string[] = [];
  for (const { jobId, state, spec } of jobs) {
    if (state !== "queued" || !spec || busy.has(spec.repositoryId)) continue;
    busy.add(spec.repositoryId);
    ids.push(jobId);
  }
  return ids;
}

/** The waiting job of the same schedule, which makes another one pointless; null when there is none. */
export function waitingTwin(jobs: readonly QueuedWork[], spec: JobSpec): string | null {
  if (spec.kind !== "backup") return null;
  const twin = jobs.find(
    (job) => job.state === "queued" && job.spec?.kind === "backup" && job.spec.scheduleId === spec.scheduleId,
  );
  return twin?.jobId ?? null;
}
