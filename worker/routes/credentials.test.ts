import { afterEach, beforeEach, expect, test } from "vitest";
import { addHost, type TestHost } from "../../tests/support/fleet.ts";
import { startTestServer, type Caller, type TestServer } from "../../tests/support/server.ts";
import { openSecret } from "../repository-secret.ts";
import { credentialPlace } from "../store/repositories.ts";

const NEW_PASSWORD = "canary-new-password-44d1";
let server: TestServer;
let operator: Caller;
let host: TestHost;
beforeEach(async () => {
  server = await startTestServer();
  operator = await server.user("operator");
  host = await addHost(server.runtime, {
    address: "rest:https://vault.example.net/web-1",
    env: { RESTIC_REST_PASSWORD: "stored-rest-password" },
  });
});
afterEach(() => server.close());

const put = (body: object, hostId = host.hostId) =>
  server.call("PUT", `/api/hosts/${hostId}/repo-credentials`, {
    as: operator,
    body: { repositoryId: host.repositoryId, ...body },
  });
const stored = (version: number) => {
  const row = server.sqlite.prepare("SELECT sealed FROM repository_credentials").get() as { sealed: string };
  return openSecret(server.runtime, credentialPlace(host.repositoryId, "write", version), row.sealed);
};
const configVersion = () => server.sqlite.prepare("SELECT config_version FROM hosts").pluck().get();

test("a new password is sealed under a new version and pushed; the rest stays", async () => {
  const { status, json, text } = await put({ password: NEW_PASSWORD });
  expect(status).toBe(200);
  expect(json).toMatchObject({ hasPassword: true, envKeys: ["RESTIC_REST_PASSWORD"], credentialVersion: 2 });
  expect(text).not.toContain(NEW_PASSWORD);
  expect(stored(2)).toEqual({ password: NEW_PASSWORD, env: { RESTIC_REST_PASSWORD: "stored-rest-password" } });
  expect(stored(1)).toBeNull();
  expect(configVersion()).toBe(2);
  expect(server.relay(host.hostId).calls.map((call) => call.method)).toEqual(["configChanged"]);
  const audit = server.sqlite.prepare("SELECT action, detail FROM audit_log").get();
  expect(audit).toMatchObject({
    action: "credential.write",
    detail: expect.stringContaining('"changed":["password"]'),
  });
  expect(server.sqlite.serialize().includes(NEW_PASSWORD)).toBe(false);
});

test("stored access keys are not sent to another address by who cannot read them", async () => {
  const { status, problem } = await put({ address: "rest:https://elsewhere.example.net/" });
  expect({ status, detail: problem?.detail }).toMatchObject({
    status: 422,
    detail: expect.stringContaining("access keys"),
  });
  expect(configVersion()).toBe(1);
  const given = await put({ address: "rest:https://elsewhere.example.net/", env: { RESTIC_REST_PASSWORD: "own" } });
  expect(given.json).toMatchObject({ address: "rest:https://elsewhere.example.net/" });
});

test.each([
  [{ address: "rclone:x:y" }, "repository.address_invalid"],
  [{ env: { B2_ACCOUNT_ID: "x" } }, "request.invalid"],
  [{ password: "two\nlines" }, "request.invalid"],
  [{ passwordCommand: "id" }, "request.invalid"],
])("%j is refused and nothing changes", async (body, code) => {
  const { status, problem } = await put(body);
  expect({ status, code: problem?.code }).toEqual({ status: 422, code });
  expect(configVersion()).toBe(1);
  expect(server.relay(host.hostId).calls).toEqual([]);
});

test("of two changes at once one wins whole, the other is told so", async () => {
  const answers = await Promise.all([put({ password: "first password" }), put({ password: "second password" })]);
  expect(answers.map((answer) => answer.status).toSorted()).toEqual([200, 409]);
  expect(configVersion()).toBe(2);
  expect(server.sqlite.prepare("SELECT count(*) FROM audit_log").pluck().get()).toBe(1);
});

test("another host's repository is not reached through one's own", async () => {
  const other = await addHost(server.runtime, { name: "db-1" });
  expect((await put({ password: "x y z" }, other.hostId)).problem?.code).toBe("request.not_found");
});

test("with another server key the stored secret is named as unreadable, and entering all again cures it", async () => {
  server.runtime.secretKeys = [{ id: "k2", key: server.runtime.random(32) }];
  expect((await put({ password: NEW_PASSWORD })).problem?.code).toBe("repository.credentials_missing");
  expect((await put({ password: NEW_PASSWORD, env: {} })).status).toBe(200);
  expect(stored(2)).toEqual({ password: NEW_PASSWORD, env: {} });
});

const ADMIN_PASSWORD = "canary-admin-password-7b02";
const putAdmin = (body: object, as: Caller) =>
  server.call("PUT", `/api/hosts/${host.hostId}/repo-credentials`, {
    as,
    body: { repositoryId: host.repositoryId, purpose: "admin", ...body },
  });
const whole = { password: ADMIN_PASSWORD, env: { RESTIC_REST_USERNAME: "root" } };
const adminRow = () =>
  server.sqlite.prepare("SELECT * FROM repository_credentials WHERE purpose = 'admin'").get() as
    | { sealed: string; version: number; address: string }
    | undefined;

test("an administrator adds a second credential with an address of its own, and replaces it", async () => {
  const admin = await server.user("admin");
  const address = "rest:https://admin.example.net/web-1";
  const { status, json, text } = await putAdmin({ ...whole, address }, admin);
  expect(status).toBe(200);
  expect(json).toMatchObject({
    address: "rest:https://vault.example.net/web-1",
    admin: { address, envKeys: ["RESTIC_REST_USERNAME"], updatedAtMs: server.nowMs() },
  });
  expect(text).not.toContain(ADMIN_PASSWORD);
  expect(openSecret(server.runtime, credentialPlace(host.repositoryId, "admin", 1), adminRow()!.sealed)).toEqual(whole);
  expect((await putAdmin({ ...whole, env: {} }, admin)).json.admin).toEqual({
    envKeys: [],
    updatedAtMs: server.nowMs(),
  });
  expect(adminRow()).toMatchObject({ version: 2 });
  expect(configVersion()).toBe(1);
  expect(server.relay(host.hostId).calls).toEqual([]);
  const audits = server.sqlite.prepare("SELECT action, detail FROM audit_log").all() as { detail: string }[];
  expect(audits).toMatchObject([{ action: "credential.admin" }, { action: "credential.admin" }]);
  expect(server.sqlite.serialize().includes(ADMIN_PASSWORD)).toBe(false);
});

test("an operator neither sets nor removes the second credential, nor sends it elsewhere by changing the first", async () => {
  const admin = await server.user("admin");
  expect((await putAdmin(whole, operator)).problem?.code).toBe("auth.forbidden");
  await putAdmin(whole, admin);
  const path = `/api/hosts/${host.hostId}/repositories/${host.repositoryId}/admin-credential`;
  expect((await server.call("DELETE", path, { as: operator })).status).toBe(403);
  await put({ address: "rest:https://elsewhere.example.net/", env: {} });
  expect(adminRow()).toMatchObject({ address: "rest:https://vault.example.net/web-1" });
});

test.each([
  [{ env: {} }, "password:"],
  [{ password: "x" }, "env:"],
  [{ ...whole, address: "rclone:x:y" }, ""],
  [{ ...whole, address: "rest:https://user:secret@admin.example.net/" }, ""],
  [{ password: "x", env: { B2_ACCOUNT_ID: "x" } }, "env:"],
  [{ ...whole, createRepository: true }, "createRepository:"],
])("the second credential %j is refused", async (body, named) => {
  const { status, problem } = await putAdmin(body, await server.user("admin"));
  expect(status).toBe(422);
  expect(problem?.detail).toContain(named);
  expect(adminRow()).toBeUndefined();
});

test("of two second credentials set at once one wins whole", async () => {
  const admin = await server.user("admin");
  const answers = await Promise.all([putAdmin(whole, admin), putAdmin({ ...whole, env: {} }, admin)]);
  expect(answers.map((answer) => answer.status).toSorted()).toEqual([200, 409]);
});

test("whether the repository is made reaches the host's schedules too", async () => {
  const version = () => server.sqlite.prepare("SELECT schedule_version FROM hosts").pluck().get();
  await put({ createRepository: true });
  expect(version()).toBe(2);
  await put({ createRepository: true });
  expect(version()).toBe(2);
  expect(server.relay(host.hostId).calls.map(({ method }) => method)).toEqual([
    "configChanged",
    "scheduleChanged",
    "configChanged",
  ]);
});
