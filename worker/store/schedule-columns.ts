import type { ScheduleInput } from "../../protocol/schedule.ts";

/** What a schedule says, as its table holds it. */
export function columnsOf(input: ScheduleInput) {
  return {
    name: input.name,
    repositoryId: input.repositoryId,
    enabled: input.enabled ? 1 : 0,
    manual: input.manual ? 1 : 0,
    cron: input.cron ?? null,
    timeZone: input.timeZone ?? null,
    spreadMinutes: input.spreadMinutes,
    catchUp: input.catchUp,
    limits: JSON.stringify(input.limits),
    paths: JSON.stringify(input.kind === "backup" ? input.paths : []),
    excludes: JSON.stringify(input.kind === "backup" ? input.excludes : []),
    tags: JSON.stringify(input.kind === "backup" ? input.tags : []),
    retention: input.kind === "backup" && input.retention !== null ? JSON.stringify(input.retention) : null,
    fsSnapshot: input.kind === "backup" && input.fsSnapshot === false ? 0 : 1,
    readData: input.kind === "check" ? JSON.stringify(input.readData) : null,
  };
}
