import { gte } from "drizzle-orm";
import { AT_RISK, SEVERITY, STATUS_OF_SEVERITY } from "../../core/hosts/status.ts";
import type { FleetSummary } from "../../protocol/api.ts";
import type { Database } from "../bindings.ts";
import { fleetTotals, hostCounts, jobHours } from "./schema.ts";

const HOUR_MS = 3600_000;
const HOURS = 24;

/** Kept sums only: six rows of host_counts, at most 24 of job_hours and one of fleet_totals. */
export async function loadFleetSummary(db: Database, nowMs: number): Promise<FleetSummary> {
  const thisHour = Math.floor(nowMs / HOUR_MS);
  const [counts, hours, totals] = await Promise.all([
    db.select().from(hostCounts),
    db
      .select()
      .from(jobHours)
      .where(gte(jobHours.hour, thisHour - HOURS + 1)),
    db.select().from(fleetTotals),
  ]);
  const of = (severity: number) => counts.find((row) => row.severity === severity)?.hosts ?? 0;
  const verdicts = new Map(hours.map((row) => [row.hour, row]));
  return {
    total: counts.reduce((sum, row) => sum + row.hosts, 0),
    protected: of(SEVERITY.protected),
    atRisk: counts.reduce((sum, row) => sum + (AT_RISK.has(STATUS_OF_SEVERITY[row.severity]!) ? row.hosts : 0), 0),
    offline: of(SEVERITY.offline),
    new: of(SEVERITY.new),
    storedBytes: totals[0]?.storedBytes ?? 0,
    restoreBytes: totals[0]?.restoreBytes ?? 0,
    hours: Array.from({ length: HOURS }, (_, i) => {
      const hour = thisHour - HOURS + 1 + i;
      const row = verdicts.get(hour);
      return { hourMs: hour * HOUR_MS, succeeded: row?.succeeded ?? 0, failed: row?.failed ?? 0 };
    }),
  };
}
