import { Hono, type Context } from "hono";
import { TrieRouter } from "hono/router/trie-router";
import { mayDo } from "../core/access/actions.ts";
import { toBase64url } from "../core/bytes.ts";
import { fail, type Failure } from "../protocol/failure.ts";
import { findPrincipal } from "./access/principal.ts";
import type { Peer, Runtime } from "./bindings.ts";
import { API_HEADERS } from "./headers.ts";
import { parseInput, readJson, readQuery } from "./input.ts";
import { notFound, problemResponse, type FieldErrors } from "./problem.ts";
import { checkHost, checkSameOrigin } from "./request-checks.ts";
import { Reply, type Principal, type Route } from "./route.ts";

/** What a runtime passes beside each request: `app.fetch(request, { runtime, peer })`. */
export interface Seam {
  runtime: Runtime;
  peer: Peer;
}

type Variables = { requestId: string; actor: string | null };
type AppContext = Context<{ Bindings: Seam; Variables: Variables }>;
export type App = Hono<{ Bindings: Seam; Variables: Variables }>;

const MAX_LOGGED_PATH = 256;

/** The HTTP application: `routes` behind one line of logging, the checks of every request and one form of failure. */
export function createApp(routes: readonly Route[]): App {
  const app: App = new Hono({ router: new TrieRouter() });
  app.use(async (c, next) => {
    const { runtime, peer } = c.env;
    const startedMs = runtime.now();
    c.set("requestId", toBase64url(runtime.random(9)));
    c.set("actor", null);
    const host = isHealthCheck(c.req.path) ? null : checkHost(runtime.settings, peer);
    const origin = checkSameOrigin(runtime.settings, peer, c.req.method, c.req.raw.headers);
    if (host?.ok === false) c.res = refuse(c, host.failure);
    else if (!origin.ok) c.res = refuse(c, origin.failure);
    else await next();
    c.res.headers.set("x-request-id", c.get("requestId"));
    runtime.log.info("request", {
      requestId: c.get("requestId"),
      method: c.req.method,
      path: c.req.path.slice(0, MAX_LOGGED_PATH),
      status: c.res.status,
      durationMs: runtime.now() - startedMs,
      address: peer.address,
      actor: c.get("actor"),
    });
  });
  for (const route of routes) app.on(route.method, route.path, (c) => answer(route, c));
  for (const path of new Set(routes.map((route) => route.path))) {
    const here = routes.filter((route) => route.path === path);
    const allowed = here.map((route) => route.method);
    app.all(path, async (c) => {
      if (!(await exists(here[0]!, c.env.runtime))) return refuse(c, notFound().failure);
      const failure = fail("request.method_not_allowed", `Use ${allowed.join(" or ")} here.`).failure;
      return refuse(c, failure, {
        allow: allowed.includes("GET") ? [...allowed, "HEAD"].join(", ") : allowed.join(", "),
      });
    });
  }
  app.get("/ws/*", (c) => refuse(c, fail("request.upgrade_required", "Only a WebSocket connects here.").failure));
  app.notFound((c) => refuse(c, notFound().failure));
  app.onError((error, c) => {
    c.env.runtime.log.error("request.failed", { requestId: c.get("requestId"), error });
    return refuse(
      c,
      fail("server.internal", "Something went wrong. The server's log has it under the request id.").failure,
    );
  });
  return app;
}

function isHealthCheck(path: string): boolean {
  return path === "/healthz" || path === "/readyz";
}

function refuse(
  c: AppContext,
  failure: Failure & { errors?: FieldErrors },
  headers: Readonly<Record<string, string>> = {},
): Response {
  return problemResponse(failure, c.get("requestId"), { ...API_HEADERS, ...headers });
}

async function exists(route: Route, runtime: Runtime): Promise<boolean> {
  return route.exists === undefined || (await route.exists(runtime));
}

async function answer(route: Route, c: AppContext): Promise<Response> {
  const { runtime, peer } = c.env;
  if (!(await exists(route, runtime))) return refuse(c, notFound().failure);
  let principal: Principal | null = null;
  if ("action" in route.access) {
    principal = await findPrincipal(runtime, peer, c.req.raw.headers);
    if (!principal) return refuse(c, fail("auth.required", "Sign in first.").failure);
    c.set("actor", principal.name);
    if (!mayDo(principal.role, route.access.action)) {
      const message = `Your role, ${principal.role}, may not do this. Ask an administrator.`;
      return refuse(c, fail("auth.forbidden", message).failure);
    }
  }
  const query = route.query ? parsedBy(route.query, readQuery(new URL(c.req.url))) : null;
  if (query?.ok === false) return refuse(c, query.failure);
  const body = route.body ? parsedBy(route.body, await readJson(c.req.raw)) : null;
  if (body?.ok === false) return refuse(c, body.failure);
  const result = await route.handler(
    {
      runtime,
      peer,
      requestId: c.get("requestId"),
      params: c.req.param(),
      query: query?.value,
      body: body?.value,
      headers: c.req.raw.headers,
    },
    principal,
  );
  return result.ok ? success(route, result.value) : refuse(c, result.failure);
}

function parsedBy(
  schema: NonNullable<Route["body"]>,
  read: ReturnType<typeof readQuery>,
): ReturnType<typeof readQuery> {
  return read.ok ? parseInput(schema, read.value) : read;
}

function success(route: Route, value: unknown): Response {
  const reply = value instanceof Reply ? value : null;
  if (reply !== null && reply.raw !== null) {
    return new Response(reply.raw, { status: route.status, headers: { ...API_HEADERS, ...reply.headers } });
  }
  if (route.status === 204) return new Response(null, { status: 204, headers: { ...API_HEADERS, ...reply?.headers } });
  return new Response(JSON.stringify(reply ? reply.body : value), {
    status: route.status,
    headers: { "content-type": "application/json", ...API_HEADERS, ...reply?.headers },
  });
}
