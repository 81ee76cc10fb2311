import type { HostDetail, JobResource } from "../../protocol/api.ts";
import type { RetentionPlan } from "../../protocol/schedule.ts";
import type { Answer } from "../net/api.ts";
import { api } from "../net/endpoints.ts";

/** The plan of a held forget as it would be carried out now: the rules of its schedule over its snapshots. */
export async function loadHeldPlan(job: JobResource): Promise<Answer<RetentionPlan>> {
  const host = await api.host(job.hostId);
  if (!host.ok) return host;
  const keep = keepOf(host.value, job.scheduleId);
  if (keep === null)
    return {
      ok: false,
      failure: { code: "schedule.not_found", message: "", retry: false, status: 404, fields: {} },
    };
  return api.previewRetention(job.hostId, job.scheduleId!, { keep });
}

function keepOf(host: HostDetail, scheduleId: string | undefined) {
  const schedule = host.schedules.find((one) => one.id === scheduleId);
  return schedule?.kind === "backup" ? (schedule.retention?.keep ?? null) : null;
}
