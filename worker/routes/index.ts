import type { Route } from "../route.ts";
import { agentRoutes } from "./agents.ts";
import { auditRoutes } from "./audit.ts";
import { bootstrapRoutes } from "./bootstrap.ts";
import { credentialRoutes } from "./credentials.ts";
import { downloadRoutes } from "./downloads.ts";
import { enrollmentRoutes } from "./enrollment.ts";
import { fleetTokenRoutes } from "./fleet-tokens.ts";
import { fleetRoutes } from "./fleet.ts";
import { grantRoutes } from "./grants.ts";
import { healthRoutes } from "./health.ts";
import { hookRoutes } from "./hooks.ts";
import { hostRoutes } from "./hosts.ts";
import { jobRoutes } from "./jobs.ts";
import { meRoutes } from "./me.ts";
import { pendingRoutes } from "./pending.ts";
import { retentionRoutes } from "./retention.ts";
import { scheduleRoutes } from "./schedules.ts";
import { sessionRoutes } from "./session.ts";
import { snapshotRoutes } from "./snapshots.ts";
import { statusRoutes } from "./status.ts";
import { tokenRoutes } from "./tokens.ts";

/** Every route there is: what `app.ts` serves, what docs/openapi.json lists and what the tests walk. */
export const ROUTES: readonly Route[] = [
  ...healthRoutes,
  ...statusRoutes,
  ...bootstrapRoutes,
  ...sessionRoutes,
  ...meRoutes,
  ...grantRoutes,
  ...tokenRoutes,
  ...auditRoutes,
  ...fleetRoutes,
  ...hostRoutes,
  ...scheduleRoutes,
  ...hookRoutes,
  ...credentialRoutes,
  ...enrollmentRoutes,
  ...fleetTokenRoutes,
  ...agentRoutes,
  ...pendingRoutes,
  ...jobRoutes,
  ...retentionRoutes,
  ...snapshotRoutes,
  ...downloadRoutes,
];
