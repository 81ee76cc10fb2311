import type { JobResource } from "../protocol/api.ts";
import type { FleetMessage } from "../protocol/stream.ts";
import type { Runtime } from "./bindings.ts";
import { loadHost } from "./store/hosts.ts";
import { loadJob } from "./store/jobs.ts";

/**
 * Tells the dashboards. What they show is read again when they reconnect, so a feed that cannot be reached costs a
 * log line, never the request.
 */
export async function announce(runtime: Runtime, messages: readonly FleetMessage[]): Promise<void> {
  if (messages.length === 0) return;
  try {
    await runtime.fleet.publish(messages);
  } catch (error) {
    runtime.log.warn("fleet.publish_failed", { error });
  }
}

/** Tells the dashboards of a job as its row is now, and of its host. Answers the job; null when it or its host is gone. */
export async function announceJob(runtime: Runtime, hostId: string, jobId: string): Promise<JobResource | null> {
  const [host, job] = await Promise.all([loadHost(runtime.db, hostId, runtime.now()), loadJob(runtime.db, jobId)]);
  if (!host || !job) return null;
  const { kind, state } = job;
  await announce(runtime, [
    { type: "hostChanged", host },
    { type: "jobChanged", hostId, jobId, kind, state },
  ]);
  return job;
}
