import type { Route } from "../route.ts";
import { auditRoutes } from "./audit.ts";
import { bootstrapRoutes } from "./bootstrap.ts";
import { grantRoutes } from "./grants.ts";
import { healthRoutes } from "./health.ts";
import { meRoutes } from "./me.ts";
import { sessionRoutes } from "./session.ts";
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
];
