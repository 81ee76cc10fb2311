import { expect, test } from "vitest";
import { startTestServer } from "../tests/support/server.ts";

test("a session cookie and an API token both say who asks", async () => {
  const server = await startTestServer();
  const viewer = await server.user("viewer");
  const token = await server.token("operator", "admin");
  expect((await server.call("GET", "/api/me", { as: viewer })).json.user.role).toBe("viewer");
  expect((await server.call("GET", "/api/me", { as: token })).json.user.role).toBe("operator");
  expect((await server.call("GET", "/api/me")).problem).toMatchObject({ status: 401, code: "auth.required" });
  server.close();
});
