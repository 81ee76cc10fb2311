import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestServer, type Caller, type TestServer } from "../../tests/support/server.ts";
import { actionsOf } from "../../core/access/actions.ts";
import { ROLES, type Role } from "../../protocol/api.ts";
import { ROUTES } from "./index.ts";

/** Walks the route table: whatever is added to it is covered here. */

let server: TestServer;
const callers = new Map<Role, Caller[]>();
beforeAll(async () => {
  server = await startTestServer();
});
beforeAll(async () => {
  for (const role of ROLES) callers.set(role, [await server.user(role), await server.token(role, "admin")]);
});
afterAll(() => server.close());

const UNKNOWN_ID = "00000000-0000-7000-8000-000000000000";
const address = (path: string) => path.replace(/:[A-Za-z]+/g, UNKNOWN_ID);
const ANONYMOUS = [
  "GET /healthz",
  "GET /readyz",
  "GET /api/status",
  "POST /api/bootstrap",
  "POST /api/login",
  "POST /api/agents/enroll",
  "POST /api/agents/announce",
  "GET /install.sh",
  "GET /agent/:platform",
];

test("what anyone may reach is a short closed list", () => {
  const open = ROUTES.filter((route) => "anonymous" in route.access).map((route) => `${route.method} ${route.path}`);
  expect(ANONYMOUS).toEqual(expect.arrayContaining(open));
  for (const route of ROUTES) if ("anonymous" in route.access) expect(route.access.why).not.toBe("");
});

test("a method and path are declared once", () => {
  const keys = ROUTES.map((route) => `${route.method} ${route.path}`);
  expect(new Set(keys).size).toBe(keys.length);
});

test.each(ROUTES.filter((route) => "action" in route.access).map((route) => [`${route.method} ${route.path}`, route]))(
  "%s answers a stranger 401 and each role as the table of actions says",
  async (_name, route) => {
    const path = address(route.path);
    const bodies = [];
    for (const headers of [
      {},
      { authorization: "Bearer rma_wrong" },
      { cookie: "__Host-rm=rms_wrong", origin: server.peer.origin },
    ]) {
      const { problem } = await server.call(route.method, path, { headers });
      bodies.push({ ...problem, requestId: "" });
    }
    expect(bodies[0]).toMatchObject({ status: 401, code: "auth.required" });
    expect(bodies).toEqual([bodies[0], bodies[0], bodies[0]]);

    const action = (route.access as { action: string }).action;
    for (const role of ROLES) {
      for (const as of callers.get(role)!) {
        if (route.path === "/api/logout" && "cookie" in as.headers) continue;
        const body = route.body ? { body: {} } : {};
        const { status, problem } = await server.call(route.method, path, { as, ...body });
        const roleRefused = problem?.detail.startsWith("Your role,") ?? false;
        expect({ role, roleRefused }).toEqual({ role, roleRefused: !(actionsOf(role) as string[]).includes(action) });
        expect(status).toBeLessThan(500);
      }
    }
  },
);

test.each(ROUTES.filter((route) => route.method !== "GET").map((route) => [`${route.method} ${route.path}`, route]))(
  "%s refuses a foreign Origin",
  async (_name, route) => {
    const admin = callers.get("admin")![0]!;
    const headers = { ...admin.headers, origin: "https://evil.test" };
    const { problem } = await server.call(route.method, address(route.path), { headers, body: {} });
    expect(problem).toMatchObject({ status: 403, code: "request.cross_origin" });
  },
);

test.each([...new Set(ROUTES.map((route) => route.path))].filter((path) => path !== "/api/bootstrap"))(
  "%s answers a method it does not have 405 with those it has",
  async (path) => {
    const known: string[] = ROUTES.filter((route) => route.path === path).map((route) => route.method);
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"]) {
      if (known.includes(method)) continue;
      const answer = await server.call(method, address(path));
      expect(answer.problem).toMatchObject({ status: 405, code: "request.method_not_allowed" });
      expect(answer.headers.get("allow")!.split(", ")).toEqual(expect.arrayContaining(known));
    }
  },
);
