import type { Route } from "../route.ts";
import { meRoutes } from "./me.ts";

/** Every route there is: what `app.ts` serves, what docs/openapi.json lists and what the tests walk. */
export const ROUTES: readonly Route[] = [...meRoutes];
