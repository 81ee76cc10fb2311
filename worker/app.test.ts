import * as v from "valibot";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startTestServer, type TestServer } from "../tests/support/server.ts";
import { ok } from "../protocol/failure.ts";
import { API_HEADERS } from "./headers.ts";
import { route } from "./route.ts";
import { ROUTES } from "./routes/index.ts";

const echo = route({
  method: "POST",
  path: "/api/echo/:id",
  access: { action: "me.read" },
  summary: "Says back what it was sent",
  query: v.strictObject({ q: v.optional(v.string()) }),
  body: v.strictObject({
    name: v.pipe(v.string(), v.maxLength(5)),
    more: v.optional(v.record(v.string(), v.unknown())),
  }),
  handler: async ({ params, query, body }) => ok({ params, query, body }),
});
const broken = route({
  method: "GET",
  path: "/api/broken",
  access: { anonymous: true, why: "A test." },
  summary: "Throws",
  handler: async () => {
    throw new Error("the password is hunter2 at rms_abcdefghijklmnopqrstuvwxyz");
  },
});

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer({ routes: [...ROUTES, echo, broken] });
});
afterEach(() => server.close());

async function send(body: unknown, more: { path?: string; headers?: Record<string, string> } = {}) {
  const as = await server.token("viewer");
  return server.call("POST", more.path ?? "/api/echo/7", { as, body, headers: more.headers ?? {} });
}

test("a request that fits reaches its handler with path, query and body parsed", async () => {
  const answer = await send({ name: "a" }, { path: "/api/echo/7?q=x" });
  expect(answer.json).toEqual({ params: { id: "7" }, query: { q: "x" }, body: { name: "a" } });
});

test("what does not fit is refused by field name, never quoting the value", async () => {
  const answer = await send({ name: "hunter2hunter2", extra: 1 });
  expect(answer.problem).toMatchObject({ status: 422, code: "request.invalid" });
  expect(answer.problem!.errors).toEqual([
    { field: "name", message: "must be at most 5" },
    { field: "extra", message: "is not a known field" },
  ]);
  expect(answer.text).not.toContain("hunter2");
  expect((await send({ name: 1234567 })).text).not.toContain("1234567");
});

test("fields that name what every object has are refused at any depth, and change nothing", async () => {
  for (const [body, field] of [
    ['{"name":"a","__proto__":{"role":"admin"}}', "__proto__"],
    ['{"name":"a","constructor":{"prototype":{"role":"admin"}}}', "constructor"],
    ['{"name":"a","more":{"x":[{"__proto__":1}]}}', "more.x.0.__proto__"],
    ['{"name":"a","more":{"toString":1}}', "more.toString"],
  ] as const) {
    const answer = await send(body);
    expect(answer.problem).toMatchObject({ status: 422, errors: [{ field }] });
  }
  expect(({} as { role?: string }).role).toBeUndefined();
  expect((await send({ name: "a" }, { path: "/api/echo/7?__proto__=1" })).problem?.code).toBe("request.invalid");
});

test("bodies that are no JSON, too deep, too big or not declared are refused", async () => {
  expect((await send("{")).problem?.code).toBe("request.not_json");
  expect((await send('{"name":NaN}')).problem?.code).toBe("request.not_json");
  expect((await send({ name: "a" }, { headers: { "content-type": "text/plain" } })).problem?.code).toBe(
    "request.not_json",
  );
  expect((await send('{"name":"\\ud800"}')).problem?.code).toBe("request.invalid");
  expect((await send("[]")).problem?.errors).toEqual([{ field: "", message: "must be an object" }]);
  const deep = `{"name":"a","more":${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}}`;
  expect((await send(deep)).problem?.code).toBe("request.invalid");
  const big = `{"name":"${"a".repeat(1024 * 1024)}"}`;
  expect((await send(big)).problem).toMatchObject({ status: 413, code: "request.too_large" });
});

test("a body without a length is cut off at 1 MiB", async () => {
  const { headers } = await server.token("viewer");
  let pulled = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulled++;
      controller.enqueue(new Uint8Array(64 * 1024).fill(32));
    },
  });
  const request = new Request(`${server.peer.origin}/api/echo/7`, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: endless,
    duplex: "half",
  } as RequestInit);
  const answer = await server.app.fetch(request, { runtime: server.runtime, peer: server.peer });
  expect(answer.status).toBe(413);
  expect(pulled).toBeLessThan(20);
});

test("a query field given twice or unknown is refused", async () => {
  expect((await send({ name: "a" }, { path: "/api/echo/7?q=1&q=2" })).problem?.errors).toEqual([
    { field: "q", message: "is given twice" },
  ]);
  expect((await send({ name: "a" }, { path: "/api/echo/7?z=1" })).problem?.errors?.[0]?.field).toBe("z");
});

test("every answer forbids caching and guessing, and carries the request id", async () => {
  for (const path of ["/api/status", "/api/unknown", "/api/me", "/api/broken"]) {
    const answer = await server.call("GET", path);
    for (const [name, value] of Object.entries(API_HEADERS)) expect(answer.headers.get(name)).toBe(value);
    expect(answer.headers.get("access-control-allow-origin")).toBeNull();
    if (answer.problem) expect(answer.headers.get("x-request-id")).toBe(answer.problem.requestId);
  }
});

test("a bug answers with nothing but its request id, and the log has no secret", async () => {
  const answer = await server.call("GET", "/api/broken?token=rms_abcdefghijklmnopqrstuvwxyz");
  expect(answer.problem).toMatchObject({ status: 500, code: "server.internal" });
  expect(answer.text).not.toMatch(/hunter2|broken|\.ts/);
  const lines = server.logLines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines.map((line) => line["event"])).toEqual(["request.failed", "request"]);
  expect(lines[1]).toMatchObject({
    method: "GET",
    path: "/api/broken",
    status: 500,
    requestId: answer.problem!.requestId,
  });
  expect(server.logLines.join("\n")).not.toContain("abcdefghijklmnop");
});

test("a database error logs its cause, not what was bound", async () => {
  server.sqlite.exec("DROP TABLE audit_log");
  const admin = await server.user("admin");
  const body = { name: "private name", role: "viewer" };
  expect((await server.call("POST", "/api/tokens", { as: admin, body })).status).toBe(500);
  expect(server.logLines.join("\n")).toContain("no such table: audit_log");
  expect(server.logLines.join("\n")).not.toContain("private name");
  expect((await server.call("GET", "/api/audit?actor=private", { as: admin })).status).toBe(500);
  expect(server.logLines.at(-2)).toContain("Caused by: SqliteError: no such table: audit_log");
  expect(server.logLines.join("\n")).not.toContain("private");
});

test("state-changing requests from another site are refused before anything else", async () => {
  const user = await server.user("viewer");
  const from = (headers: Record<string, string>) =>
    server.call("POST", "/api/echo/7", { headers: { cookie: user.cookie, ...headers }, body: { name: "a" } });
  const foreign: Record<string, string>[] = [
    {},
    { origin: "https://evil.test" },
    { origin: "null" },
    { origin: "http://manager.test" },
    { origin: "https://sub.manager.test" },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site", origin: "https://manager.test" },
    { "sec-fetch-site": "none" },
  ];
  for (const headers of foreign) expect((await from(headers)).problem?.code).toBe("request.cross_origin");
  expect((await from({ origin: "https://manager.test" })).status).toBe(200);
  expect((await from({ "sec-fetch-site": "same-origin" })).status).toBe(200);
  const login = { body: { username: "a", password: "b" }, headers: { origin: "https://evil.test" } };
  expect((await server.call("POST", "/api/login", login)).problem?.code).toBe("request.cross_origin");
});

test("a socket's address answers a plain request with what to upgrade to", async () => {
  const answer = await server.call("GET", "/ws/agent");
  expect(answer.problem).toMatchObject({ status: 426, code: "request.upgrade_required" });
  expect(answer.headers.get("upgrade")).toBe("websocket");
});

test("with a public URL another Host is misdirected, except for probes", async () => {
  server.close();
  server = await startTestServer({ settings: { publicUrl: "https://manager.test" } });
  const peer = { origin: "https://evil.test" };
  expect((await server.call("GET", "/api/status", { peer })).problem).toMatchObject({ status: 421 });
  expect((await server.call("GET", "/readyz", { peer })).status).toBe(200);
  expect((await server.call("GET", "/api/status")).status).toBe(200);
});

test("a server whose database lacks the newest migration is not ready", async () => {
  expect((await server.call("GET", "/readyz")).status).toBe(200);
  server.sqlite.exec("DELETE FROM d1_migrations");
  expect((await server.call("GET", "/readyz")).problem).toMatchObject({ status: 503, code: "server.unavailable" });
  server.sqlite.exec("DROP TABLE d1_migrations");
  expect((await server.call("GET", "/readyz")).status).toBe(503);
  expect((await server.call("GET", "/healthz")).status).toBe(200);
});
