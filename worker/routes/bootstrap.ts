import { uuidv7 } from "../../core/ids.ts";
import { equalInConstantTime, hashToken } from "../../core/secrets/tokens.ts";
import { bootstrapBody, meSchema } from "../../protocol/api.ts";
import { fail, ok } from "../../protocol/failure.ts";
import { makeSession, refuseInsecure, signedIn } from "../access/session.ts";
import { notFound } from "../problem.ts";
import { route } from "../route.ts";
import { loadBootstrapHash, recordFirstAdmin } from "../store/bootstrap.ts";
import { hasUsers } from "../store/users.ts";

export const bootstrapRoutes = [
  route({
    method: "POST",
    path: "/api/bootstrap",
    access: { anonymous: true, why: "The first administrator proves himself by the token in the server's log." },
    summary: "Create the first administrator; the route ceases to exist once there is one",
    exists: async (runtime) => !(await hasUsers(runtime.db)),
    body: bootstrapBody,
    response: meSchema,
    status: 201,
    async handler({ runtime, peer, body }) {
      const insecure = refuseInsecure(runtime, peer);
      if (insecure) return insecure;
      const tokenHash = hashToken(body.token.trim());
      const expected = await loadBootstrapHash(runtime.db);
      if (expected === null || !equalInConstantTime(tokenHash, expected)) {
        return fail(
          "auth.bootstrap_invalid",
          "This is not the set-up token. The server's log shows it; each start of the server makes a new one.",
        );
      }
      const password = await runtime.passwords.hash(body.password);
      if (!password.ok) return password;
      const session = makeSession(runtime);
      const nowMs = runtime.now();
      const userId = uuidv7(nowMs, runtime.random);
      const won = await recordFirstAdmin(
        runtime.db,
        {
          userId,
          username: body.username,
          password: password.value,
          sessionHash: session.idHash,
          address: peer.address,
          tokenHash,
        },
        { nowMs, random: runtime.random },
      );
      if (!won) return notFound();
      return ok(signedIn(peer, { id: userId, username: body.username, role: "admin" }, session.secret));
    },
  }),
];
