import { afterEach, beforeEach, expect, test } from "vitest";
import { startTestServer, type TestServer } from "../../tests/support/server.ts";
import { apiTokens, auditLog } from "../store/schema.ts";

let server: TestServer;
beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

test("an API token works without cookie or Origin, is stored hashed and shown once", async () => {
  const owner = await server.user("operator");
  const created = await server.call("POST", "/api/tokens", { as: owner, body: { name: "nightly", role: "viewer" } });
  expect(created.status).toBe(201);
  const headers = { authorization: `Bearer ${created.json.secret}` };
  expect((await server.call("GET", "/api/me", { headers })).json.user.role).toBe("viewer");
  expect(JSON.stringify(await server.db.select().from(apiTokens))).not.toContain(created.json.secret);
  const listed = await server.call("GET", "/api/tokens", { as: owner });
  expect(listed.json.items).toMatchObject([{ name: "nightly", role: "viewer", lastUsedAtMs: server.nowMs() }]);
  expect(listed.text).not.toContain(created.json.secret);
  expect((await server.db.select().from(auditLog)).map((row) => row.action)).toEqual(["token.create"]);
});

test("a token is never above its maker, neither when made nor after the maker's fall", async () => {
  const operator = await server.user("operator");
  const above = await server.call("POST", "/api/tokens", { as: operator, body: { name: "x", role: "admin" } });
  expect(above.problem).toMatchObject({ status: 403, code: "auth.forbidden" });
  const fallen = await server.token("admin", "viewer");
  expect((await server.call("GET", "/api/audit", { as: fallen })).problem?.code).toBe("auth.forbidden");
});

test("a token makes no token and ends no session", async () => {
  const token = await server.token("admin");
  const body = { name: "child", role: "viewer" };
  expect((await server.call("POST", "/api/tokens", { as: token, body })).problem?.code).toBe("auth.forbidden");
  expect((await server.call("POST", "/api/logout", { as: token })).problem?.code).toBe("auth.forbidden");
  expect((await server.call("POST", "/api/grants", { as: token })).problem?.code).toBe("auth.forbidden");
});

test("a token ends when it is revoked, expires, or its owner is disabled", async () => {
  const owner = await server.user("admin");
  const make = async (more: object) =>
    (await server.call("POST", "/api/tokens", { as: owner, body: { name: "t", role: "admin", ...more } })).json;
  const status = async (secret: string) =>
    (await server.call("GET", "/api/me", { headers: { authorization: `Bearer ${secret}` } })).status;

  const revoked = await make({});
  expect(await status(revoked.secret)).toBe(200);
  expect((await server.call("DELETE", `/api/tokens/${revoked.token.id}`, { as: owner })).status).toBe(204);
  expect(await status(revoked.secret)).toBe(401);
  expect((await server.call("DELETE", `/api/tokens/${revoked.token.id}`, { as: owner })).status).toBe(404);

  const expiring = await make({ expiresInDays: 1 });
  const lasting = await make({});
  server.advance(24 * 3600_000);
  expect([await status(expiring.secret), await status(lasting.secret)]).toEqual([401, 200]);

  server.sqlite.prepare("UPDATE users SET disabled_at = 1").run();
  expect(await status(lasting.secret)).toBe(401);
});

test("another's token cannot be revoked", async () => {
  const owner = await server.user("viewer");
  const { json } = await server.call("POST", "/api/tokens", { as: owner, body: { name: "t", role: "viewer" } });
  const other = await server.user("admin");
  expect((await server.call("DELETE", `/api/tokens/${json.token.id}`, { as: other })).status).toBe(404);
  expect(await server.db.select().from(apiTokens)).toHaveLength(1);
});

test("using a token writes at most once an hour", async () => {
  const token = await server.token("viewer");
  const changes = () => server.sqlite.prepare("SELECT total_changes()").pluck().get() as number;
  await server.call("GET", "/api/me", { as: token });
  const before = changes();
  server.advance(59 * 60_000);
  await server.call("GET", "/api/me", { as: token });
  expect(changes()).toBe(before);
  server.advance(2 * 60_000);
  await server.call("GET", "/api/me", { as: token });
  expect(changes()).toBe(before + 1);
});

test("a token in the query string or a wrong one beside a good cookie is nobody", async () => {
  const token = await server.token("viewer");
  expect((await server.call("GET", `/api/me?token=${token.secret}`)).status).toBe(401);
  const user = await server.user("viewer");
  const headers = { authorization: "Bearer rma_wrong" };
  expect((await server.call("GET", "/api/me", { as: user, headers })).status).toBe(401);
});
