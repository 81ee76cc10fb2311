import { signGrant } from "../../core/secrets/tokens.ts";
import { grantAnswer } from "../../protocol/api.ts";
import { fail, ok } from "../../protocol/failure.ts";
import { GRANT_TTL_MS } from "../../protocol/limits.ts";
import { route } from "../route.ts";

export const grantRoutes = [
  route({
    method: "POST",
    path: "/api/grants",
    access: { action: "stream.open" },
    summary: "A grant for browser sockets, good for 60 s; the page renews it",
    response: grantAnswer,
    async handler({ runtime }, principal) {
      if (principal.sessionHash === null) return fail("auth.forbidden", "Only a browser session opens live streams.");
      const expiresAtMs = runtime.now() + GRANT_TTL_MS;
      const { userId, sessionHash, role } = principal;
      return ok({ grant: signGrant(runtime.grantKey, { userId, sessionHash, role, expiresAtMs }), expiresAtMs });
    },
  }),
];
