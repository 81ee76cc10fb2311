import { fleetSummarySchema } from "../../protocol/api.ts";
import { ok } from "../../protocol/failure.ts";
import { route } from "../route.ts";
import { loadFleetSummary } from "../store/fleet.ts";

export const fleetRoutes = [
  route({
    method: "GET",
    path: "/api/fleet/summary",
    access: { action: "fleet.read" },
    summary: "How many hosts have each status, and the backups of the last 24 hours",
    response: fleetSummarySchema,
    async handler({ runtime }) {
      return ok(await loadFleetSummary(runtime.db, runtime.now()));
    },
  }),
];
