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
