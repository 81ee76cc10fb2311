import { DAY_MS } from "../../core/schedule/day.ts";
import * as v from "valibot";
import { mayGrant } from "../../core/access/actions.ts";
import { uuidv7 } from "../../core/ids.ts";
import { hashToken, makeToken } from "../../core/secrets/tokens.ts";
import { createdTokenSchema, createTokenBody, tokenSchema, type TokenResource } from "../../protocol/api.ts";
import { fail, ok } from "../../protocol/failure.ts";
import { actorOf } from "../access/actor.ts";
import { route } from "../route.ts";
import { listTokens, MAX_TOKENS_PER_USER, recordTokenCreated, recordTokenRevoked } from "../store/tokens.ts";

export const tokenRoutes = [
  route({
    method: "GET",
    path: "/api/tokens",
    access: { action: "token.read" },
    summary: "One's own API tokens, newest first, without their secrets",
    response: v.object({ items: v.array(tokenSchema) }),
    async handler({ runtime }, principal) {
      return ok({ items: await listTokens(runtime.db, principal.userId) });
    },
  }),
  route({
    method: "POST",
    path: "/api/tokens",
    access: { action: "token.create" },
    summary: "Make an API token for scripts; its secret is shown this once",
    body: createTokenBody,
    response: createdTokenSchema,
    status: 201,
    async handler({ runtime, peer, body }, principal) {
      if (principal.kind === "token")
        return fail("auth.forbidden", "Sign in to make an API token: a token makes none.");
      if (!mayGrant(principal.role, body.role)) {
        return fail("auth.forbidden", `A token cannot do more than you: your role is ${principal.role}.`);
      }
      const nowMs = runtime.now();
      const secret = makeToken("api", runtime.random);
      const token: TokenResource = {
        id: uuidv7(nowMs, runtime.random),
        name: body.name,
        role: body.role,
        createdAtMs: nowMs,
        ...(body.expiresInDays === undefined ? {} : { expiresAtMs: nowMs + body.expiresInDays * DAY_MS }),
      };
      const created = await recordTokenCreated(
        runtime.db,
        {
          id: token.id,
          secretHash: hashToken(secret),
          userId: principal.userId,
          name: token.name,
          role: token.role,
          expiresAtMs: token.expiresAtMs ?? null,
        },
        {
          ...actorOf(principal, peer),
          action: "token.create",
          targetKind: "token",
          targetId: token.id,
          targetName: token.name,
          detail: { role: token.role },
        },
        { nowMs, random: runtime.random },
      );
      if (created) return ok({ token, secret });
      return fail("request.conflict", `You have ${MAX_TOKENS_PER_USER} tokens. Revoke one you no longer use.`);
    },
  }),
  route({
    method: "DELETE",
    path: "/api/tokens/:id",
    access: { action: "token.revoke" },
    summary: "Revoke one of one's own API tokens; it ends at once",
    status: 204,
    async handler({ runtime, peer, params }, principal) {
      const revoked = await recordTokenRevoked(
        runtime.db,
        { id: params.id, userId: principal.userId },
        { ...actorOf(principal, peer), action: "token.revoke", targetKind: "token", targetId: params.id },
        { nowMs: runtime.now(), random: runtime.random },
      );
      return revoked ? ok(null) : fail("request.not_found", "You have no such token.");
    },
  }),
];
