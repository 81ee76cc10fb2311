import { meSchema } from "../../protocol/api.ts";
import { ok } from "../../protocol/failure.ts";
import { meResource } from "../access/session.ts";
import { route } from "../route.ts";

export const meRoutes = [
  route({
    method: "GET",
    path: "/api/me",
    access: { action: "me.read" },
    summary: "Who is asking, and what they may do",
    response: meSchema,
    async handler(_call, principal) {
      return ok(meResource({ id: principal.userId, username: principal.name, role: principal.role }));
    },
  }),
];
