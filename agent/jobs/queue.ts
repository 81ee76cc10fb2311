import { scheduleOf, type JobSpec } from "../../protocol/wire.ts";

/** A job as the queue sees it; the list is in the order of acceptance. */
export interface QueuedWork {
  jobId: string;
  state: "queued" | "running" | "finished";
  spec: JobSpec | null;
}

/**
 * The jobs that may start now: the oldest waiting one of each repository on which none runs. An unlock neither waits
 * nor is waited for, since what it clears away may be what the others wait for.
 */
export function startable(jobs: readonly QueuedWork[]): string[] {
  const busy = new Set(
    jobs.flatMap(({ state, spec }) =>
      state === "running" && spec && spec.kind !== "unlock" ? [spec.repositoryId] : [],
    ),
  );
  const ids: string[] = [];
  for (const { jobId, state, spec } of jobs) {
    if (state !== "queued" || !spec) continue;
    if (spec.kind !== "unlock") {
      if (busy.has(spec.repositoryId)) continue;
      busy.add(spec.repositoryId);
    }
    ids.push(jobId);
  }
  return ids;
}

/** The waiting job of the same schedule, which makes another one pointless; null when there is none. */
export function waitingTwin(jobs: readonly QueuedWork[], spec: JobSpec): string | null {
  const scheduleId = scheduleOf(spec);
  if (scheduleId === null || spec.kind === "forget") return null;
  const twin = jobs.find(
    (job) => job.state === "queued" && job.spec?.kind === spec.kind && scheduleOf(job.spec) === scheduleId,
  );
  return twin?.jobId ?? null;
}
