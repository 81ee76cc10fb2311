import { afterEach, beforeEach, expect, test } from "vitest";
import { fail } from "../../protocol/failure.ts";
import { startTestServer, type TestServer } from "../../tests/support/server.ts";
import { offerSetUp } from "../access/bootstrap.ts";
import { auditLog, sessions } from "../store/schema.ts";

const PASSWORD = "correct horse battery";
let server: TestServer;

beforeEach(async () => {
  server = await startTestServer();
});
afterEach(() => server.close());

async function setUp(): Promise<void> {
  const token = await offerSetUp(server.runtime, server.peer.origin);
  const answer = await server.call("POST", "/api/bootstrap", {
    body: { token, username: "owner", password: PASSWORD },
  });
  expect(answer.status).toBe(201);
}

function login(password: string, more: { username?: string; address?: string } = {}) {
  return server.call("POST", "/api/login", {
    body: { username: more.username ?? "owner", password },
    headers: { origin: server.peer.origin },
    peer: { address: more.address ?? server.peer.address },
  });
}

test("the right password starts a session whose cookie is bound to the host and hidden from scripts", async () => {
  await setUp();
  const answer = await login(PASSWORD);
  expect(answer.json.user).toMatchObject({ username: "owner", role: "admin" });
  const cookie = answer.headers.get("set-cookie")!;
  expect(cookie).toMatch(/^__Host-rm=rms_[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; Secure; SameSite=Strict$/);
  expect(JSON.stringify(await server.db.select().from(sessions))).not.toContain(cookie.slice(10, 50));
  const me = await server.call("GET", "/api/me", { headers: { cookie: cookie.split(";")[0]! } });
  expect(me.json.actions).toContain("host.delete");
});

test("an unknown user and a wrong password get the same answer", async () => {
  await setUp();
  const wrong = await login("not the password");
  const unknown = await login("not the password", { username: "nobody" });
  const { requestId: a, ...first } = wrong.problem!;
  const { requestId: b, ...second } = unknown.problem!;
  expect(a).not.toBe(b);
  expect(first).toEqual(second);
  expect(first).toMatchObject({ status: 401, code: "auth.invalid_credentials" });
});

test("a password is looked at just once, for an unknown user as for a known one", async () => {
  await setUp();
  const looked: (string | null)[] = [];
  const { verify } = server.runtime.passwords;
  server.runtime.passwords.verify = async (password, phc) => {
    looked.push(phc);
    return verify(password, phc);
  };
  await login("not the password");
  await login("not the password", { username: "nobody" });
  expect(looked).toEqual([expect.any(String), null]);
});

test("while too many passwords are being checked nobody is blamed for a wrong one", async () => {
  await setUp();
  const { passwords } = server.runtime;
  const { verify } = passwords;
  passwords.verify = async () => fail("server.unavailable", "Busy.", { retry: true, retryAfterMs: 2000 });
  for (let i = 0; i < 10; i++) {
    const answer = await login(PASSWORD);
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "2"]);
  }
  passwords.verify = verify;
  expect((await login(PASSWORD)).status).toBe(200);
});

test("wrong passwords are slowed down more and more, and a refused attempt does not count", async () => {
  await setUp();
  for (let i = 0; i < 3; i++) expect((await login("wrong password")).status).toBe(401);
  const waits: number[] = [];
  for (let i = 0; i < 5; i++) {
    const early = await login(PASSWORD);
    expect(early.problem).toMatchObject({ status: 429, code: "auth.slow_down" });
    expect(early.headers.get("retry-after")).toBe(String(early.problem!.retryAfterMs! / 1000));
    waits.push(early.problem!.retryAfterMs!);
    server.advance(early.problem!.retryAfterMs!);
    expect((await login("wrong password")).status).toBe(401);
  }
  expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000]);
  server.advance(32_000);
  expect((await login(PASSWORD)).status).toBe(200);
  expect((await login("wrong password")).status).toBe(401);
  expect((await login(PASSWORD)).status).toBe(200);
});

test("a stranger's failures do not hold up the owner who comes from elsewhere", async () => {
  await setUp();
  for (let i = 0; i < 12; i++) await login("wrong password", { address: "203.0.113.9" });
  expect((await login(PASSWORD, { address: "203.0.113.9" })).status).toBe(429);
  expect((await login(PASSWORD)).status).toBe(200);
});

test("one address cannot try many accounts, nor buy new tries with an account of its own", async () => {
  await setUp();
  const statuses: number[] = [];
  for (let i = 0; i < 40; i++) {
    statuses.push((await login("wrong password", { username: `user-${i}` })).status);
    if (i % 5 === 4) await login(PASSWORD);
  }
  expect(statuses.filter((s) => s === 401)).toHaveLength(20);
});

test("parallel guesses are counted one by one", async () => {
  await setUp();
  const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => login(`guess number ${i}`)));
  expect(answers.filter((a) => a.status === 401)).toHaveLength(3);
  expect(answers.filter((a) => a.status === 429)).toHaveLength(27);
});

test("a session ends at its time, at logout and when its user is disabled", async () => {
  const early = await server.user("viewer");
  server.advance(12 * 3600_000);
  expect((await server.call("GET", "/api/me", { as: early })).status).toBe(401);

  const leaver = await server.user("viewer");
  expect((await server.call("POST", "/api/logout", { as: leaver })).status).toBe(204);
  expect((await server.call("GET", "/api/me", { as: leaver })).status).toBe(401);

  const disabled = await server.user("viewer");
  server.sqlite.prepare("UPDATE users SET disabled_at = 1 WHERE id = ?").run(disabled.userId);
  expect((await server.call("GET", "/api/me", { as: disabled })).status).toBe(401);

  const demoted = await server.user("admin");
  server.sqlite.prepare("UPDATE users SET session_epoch = 2 WHERE id = ?").run(demoted.userId);
  expect((await server.call("GET", "/api/me", { as: demoted })).status).toBe(401);
});

test("logout clears the cookie and closes this browser's sockets, wherever they are", async () => {
  const user = await server.user("viewer");
  await server.feed.noteJobSocket(user.sessionHash, "host-1");
  const answer = await server.call("POST", "/api/logout", { as: user });
  expect(answer.headers.get("set-cookie")).toMatch(/^__Host-rm=; Path=\/; Max-Age=0;/);
  expect(server.relay("host-1").calls).toEqual([{ method: "closeSession", args: [user.sessionHash] }]);
});

test("over plain HTTP away from loopback nobody signs in and no cookie counts", async () => {
  await setUp();
  const plain = { secure: false, origin: "http://manager.test" };
  const status = await server.call("GET", "/api/status", { peer: plain });
  expect(status.json).toMatchObject({ signInPossible: false, setupNeeded: false });
  const body = { username: "owner", password: PASSWORD };
  const answer = await server.call("POST", "/api/login", { body, peer: plain });
  expect(answer.problem).toMatchObject({ status: 403, code: "auth.insecure_transport" });
  const user = await server.user("viewer");
  expect((await server.call("GET", "/api/me", { headers: { cookie: user.cookie }, peer: plain })).status).toBe(401);
  const token = await server.token("viewer");
  expect((await server.call("GET", "/api/me", { as: token, peer: plain })).status).toBe(401);
});

test("a lab may allow plain HTTP, with a cookie of another name", async () => {
  server.close();
  server = await startTestServer({ settings: { allowHttp: true } });
  await setUp();
  const plain = { secure: false, origin: "http://manager.test" };
  const body = { username: "owner", password: PASSWORD };
  const answer = await server.call("POST", "/api/login", { body, peer: plain });
  const cookie = answer.headers.get("set-cookie")!;
  expect(cookie).toMatch(/^rm-plain=rms_[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/);
  const me = { cookie: cookie.split(";")[0]! };
  expect((await server.call("GET", "/api/me", { headers: me, peer: plain })).status).toBe(200);
  expect((await server.call("GET", "/api/me", { headers: me })).status).toBe(401);
});

test("setting up is offered until the first administrator exists, then its route is an unknown address", async () => {
  expect((await server.call("GET", "/api/status")).json.setupNeeded).toBe(true);
  expect((await server.call("GET", "/api/status")).json.setupNeeded).toBe(true);
  expect(server.logLines.filter((line) => line.includes("setup.waiting"))).toHaveLength(1);
  expect(server.logLines.join("\n")).toMatch(/Open https:\/\/manager\.test and set up with the token rmb_[\w-]{43}"/);
  const wrong = { token: "rmb_wrong", username: "owner", password: PASSWORD };
  expect((await server.call("POST", "/api/bootstrap", { body: wrong })).problem?.code).toBe("auth.bootstrap_invalid");
  await setUp();
  expect((await server.call("GET", "/api/status")).json.setupNeeded).toBe(false);
  expect(await offerSetUp(server.runtime, server.peer.origin)).toBeNull();
  const unknown = await server.call("POST", "/api/unknown", { body: wrong });
  for (const [method, body] of [
    ["POST", wrong],
    ["POST", "{"],
    ["POST", undefined],
    ["GET", undefined],
  ] as const) {
    const answer = await server.call(method, "/api/bootstrap", { body });
    expect({ ...answer.problem, requestId: "" }).toEqual({ ...unknown.problem, requestId: "" });
  }
});

test("of many who use the set-up token at once, one becomes the administrator", async () => {
  const token = await offerSetUp(server.runtime, server.peer.origin);
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      server.call("POST", "/api/bootstrap", { body: { token, username: `owner-${i}`, password: PASSWORD } }),
    ),
  );
  expect(answers.map((a) => a.status).toSorted((a, b) => a - b)).toEqual([201, ...Array<number>(19).fill(404)]);
  expect(server.sqlite.prepare("SELECT count(*) FROM users").pluck().get()).toBe(1);
  expect(server.sqlite.prepare("SELECT count(*) FROM sessions").pluck().get()).toBe(1);
  expect((await server.db.select().from(auditLog)).map((row) => row.action)).toEqual(["setup.complete"]);
});

test("signing in and out leave audit rows that hold no secret", async () => {
  await setUp();
  server.advance(1);
  const cookie = (await login(PASSWORD)).headers.get("set-cookie")!.split(";")[0]!;
  server.advance(1);
  await server.call("POST", "/api/logout", { headers: { cookie, origin: server.peer.origin } });
  const rows = await server.db.select().from(auditLog);
  expect(rows.map((row) => row.action)).toEqual(["setup.complete", "session.start", "session.end"]);
  expect(rows.every((row) => row.actor === "owner" && row.address === server.peer.address)).toBe(true);
  expect(JSON.stringify(rows)).not.toContain(cookie.slice(14));
  const everything = JSON.stringify(await server.db.select().from(sessions)) + server.logLines.join("\n");
  expect(everything).not.toContain(PASSWORD);
});
