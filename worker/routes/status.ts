import { statusSchema, type StatusResource } from "../../protocol/api.ts";
import { ok } from "../../protocol/failure.ts";
import { offerSetUpOnce } from "../access/bootstrap.ts";
import { mayCarrySession } from "../access/cookie.ts";
import { ownOrigin } from "../request-checks.ts";
import { route } from "../route.ts";
import { hasUsers } from "../store/users.ts";

export const statusRoutes = [
  route({
    method: "GET",
    path: "/api/status",
    access: { anonymous: true, why: "The sign-in page must know whether to offer sign-in, set-up or a reason." },
    summary: "What the sign-in page needs to know",
    response: statusSchema,
    async handler({ runtime, peer }) {
      const setupNeeded = !(await hasUsers(runtime.db));
      if (setupNeeded) await offerSetUpOnce(runtime, ownOrigin(runtime.settings, peer));
      const status: StatusResource = {
        setupNeeded,
        signInPossible: mayCarrySession(runtime.settings, peer),
        version: runtime.settings.version,
      };
      return ok(status);
    },
  }),
];
