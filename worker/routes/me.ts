import { actionsOf } from "../../core/access/actions.ts";
import { meSchema, type MeResource, type UserResource } from "../../protocol/api.ts";
import { ok } from "../../protocol/failure.ts";
import { route } from "../route.ts";

/** The signed-in user and what their role may do, so that the console shows no button that would be refused. */
export function meResource(user: UserResource): MeResource {
  return { user, actions: actionsOf(user.role) };
}

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
