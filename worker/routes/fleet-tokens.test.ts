import { afterEach, beforeEach, expect, test } from "vitest";
import { mintedPassword } from "../../core/enrollment/minted-password.ts";
import { makeSignPair } from "../../core/secrets/sign.ts";
import type { EnrollmentTokenResource } from "../../protocol/api.ts";
import type { EnrollmentJoin } from "../../protocol/fleet-token.ts";
import { enrollBody } from "../../tests/support/enrolling-agent.ts";
import { startTestServer, type Caller, type TestServer } from "../../tests/support/server.ts";
import { openSecret } from "../repository-secret.ts";
import { credentialPlace } from "../store/repositories.ts";

const REST_PASSWORD = "canary-rest-password-91bc";
const SCHEDULE = {
  name: "Nightly",
  enabled: true,
  manual: false,
  cron: "30 2 * * *",
  timeZone: "Europe/Berlin",
  spreadMinutes: 60,
  paths: ["/srv", "/etc"],
  excludes: ["*.tmp"],
  tags: ["fleet"],
  retention: { keep: { daily: 7 }, when: "after_backup" },
};
const ORDER = {
  name: "Web servers",
  maxUses: 10,
  lifetimeHours: 8,
  tags: ["prod"],
  repository: {
    address: "rest:https://vault.example.net/{hostname}",
    env: { RESTIC_REST_USERNAME: "fleet", RESTIC_REST_PASSWORD: REST_PASSWORD },
    createRepository: true,
  },
  schedule: SCHEDULE,
};
const HOUR_MS = 3600_000;

let server: TestServer;
let operator: Caller;
beforeEach(async () => {
  server = await startTestServer();
  operator = await server.user("operator");
});
afterEach(() => server.close());

const rows = (table: string) => server.sqlite.prepare(`SELECT * FROM ${table}`).all() as Record<string, unknown>[];
const make = (over: object = {}) =>
  server.call("POST", "/api/fleet-tokens", { as: operator, body: { ...ORDER, ...over } });
const prepare = async (over: object = {}) =>
  (await make(over)).json as {
    token: string;
    recoveryKey: string;
    installCommand: string;
    enrollment: EnrollmentTokenResource;
  };
const join = (token: string, hostname: string) =>
  server.call("POST", "/api/agents/enroll", { body: enrollBody(server.runtime, token, { hostname }) });
const tokenOf = async (id: string) =>
  (await server.call("GET", `/api/enrollment-tokens/${id}`, { as: operator })).json as EnrollmentTokenResource;
const joinsOf = async (id: string) =>
  (
    (await server.call("GET", `/api/enrollment-tokens/${id}/joins`, { as: operator })).json as {
      items: EnrollmentJoin[];
    }
  ).items;

test("each host that joins gets its name, tags, repository, password and schedule", async () => {
  const { token, recoveryKey, enrollment } = await prepare();
  const ids: string[] = [];
  for (const hostname of ["web-1", "Web-2.example"]) {
    const { status, json } = await join(token, hostname);
    expect({ status, json }).toMatchObject({ status: 201, json: { name: hostname } });
    ids.push((json as { hostId: string }).hostId);
    server.advance(1);
  }
  const hosts = await Promise.all(
    ids.map(async (id) => (await server.call("GET", `/api/hosts/${id}`, { as: operator })).json),
  );
  expect(hosts.map((host) => host.repositories[0])).toMatchObject([
    { address: "rest:https://vault.example.net/web-1", createRepository: true, hasPassword: true },
    { address: "rest:https://vault.example.net/web-2.example", createRepository: true, hasPassword: true },
  ]);
  for (const host of hosts) {
    expect(host).toMatchObject({ tags: ["prod"], configVersion: 1, scheduleVersion: 1 });
    expect(host.schedules).toMatchObject([{ kind: "backup", ...SCHEDULE, repositoryId: host.repositories[0].id }]);
  }
  const secretOf = (id: string) => {
    const row = rows("repository_credentials").find((each) => each["repository_id"] === id)!;
    return openSecret(server.runtime, credentialPlace(id, "write", 1), row["sealed"] as string);
  };
  for (const { id, address } of hosts.map((host) => host.repositories[0]))
    expect(secretOf(id)).toEqual({ password: mintedPassword(recoveryKey, address), env: ORDER.repository.env });
  // The fire times that the hosts' schedules have are the hosts' own from the first moment.
  for (const row of rows("hosts")) expect(row["next_due_at"]).toBeGreaterThan(server.nowMs());

  expect(await tokenOf(enrollment.id)).toMatchObject({ state: "waiting", maxUses: 10, uses: 2 });
  expect(await joinsOf(enrollment.id)).toMatchObject([
    { hostId: ids[0], hostName: "web-1", repositoryAddress: "rest:https://vault.example.net/web-1", exists: true },
    { hostId: ids[1], hostName: "Web-2.example", atMs: server.nowMs() - 1, exists: true },
  ]);
  expect(rows("audit_log").filter((row) => row["action"] === "host.enroll")).toHaveLength(2);
  expect(server.feed.published.filter((message) => message.type === "tokenUsed")).toHaveLength(2);
});

test.each([
  ["each with its own name", (n: number) => `web-${n}`],
  ["all with one name", () => "localhost"],
])("of fifty agents at once on a token of ten uses, %s, exactly ten join", async (_what, hostname) => {
  const { token, enrollment } = await prepare();
  const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => join(token, hostname(n))));
  expect(answers.filter((answer) => answer.status === 201)).toHaveLength(10);
  const refusals = new Set(answers.filter((answer) => answer.status !== 201).map((answer) => answer.problem?.code));
  expect(refusals).toEqual(new Set(["enrollment.token_invalid"]));
  for (const table of ["hosts", "repositories", "repository_credentials", "schedules", "enrollment_joins"])
    expect({ table, rows: rows(table).length }).toEqual({ table, rows: 10 });
  for (const [table, column] of [
    ["hosts", "name"],
    ["repositories", "address"],
  ] as const)
    expect(new Set(rows(table).map((row) => row[column])).size).toBe(10);
  expect(rows("enrollment_tokens")[0]).toMatchObject({ uses: 10, sealed: null });
  expect(await tokenOf(enrollment.id)).toMatchObject({ state: "used" });
});

test("a second host of a name gets a number, and never the repository of one that was removed", async () => {
  const { token, enrollment } = await prepare();
  const { json } = await join(token, "web");
  const { hostId } = json as { hostId: string };
  await server.call("DELETE", `/api/hosts/${hostId}`, { as: await server.user("admin"), body: { confirmName: "web" } });
  expect((await joinsOf(enrollment.id))[0]).toMatchObject({ hostName: "web", exists: false });
  expect((await join(token, "WEB")).json).toMatchObject({ name: "WEB-2" });
  // Another token with the same template knows of them, too.
  const other = await prepare();
  expect((await join(other.token, "web")).json).toMatchObject({ name: "web-3" });
  expect(rows("enrollment_joins").map((row) => row["repository_address"])).toEqual(
    expect.arrayContaining(["", "-2", "-3"].map((suffix) => `rest:https://vault.example.net/web${suffix}`)),
  );
});

test("a token that is revoked, expired or used up answers like an unknown one", async () => {
  const [revoked, expired, usedUp] = [await prepare(), await prepare(), await prepare({ maxUses: 2 })];
  await join(revoked.token, "stays");
  await server.call("DELETE", `/api/enrollment-tokens/${revoked.enrollment.id}`, { as: operator });
  for (const hostname of ["a", "b"]) expect((await join(usedUp.token, hostname)).status).toBe(201);
  server.advance(8 * HOUR_MS - 1);
  expect((await join(expired.token, "in-time")).status).toBe(201);
  server.advance(1);
  const answers: object[] = [];
  for (const token of ["rmt_unknown", revoked.token, expired.token, usedUp.token]) {
    const { status, problem } = await join(token, "late");
    answers.push({ ...problem, requestId: "", status });
  }
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  expect(await tokenOf(revoked.enrollment.id)).toMatchObject({ state: "revoked", uses: 1 });
  expect(rows("hosts")).toHaveLength(4);
});

test("one key joins once", async () => {
  const { token, enrollment } = await prepare();
  const signPair = makeSignPair(server.runtime.random);
  const call = () =>
    server.call("POST", "/api/agents/enroll", { body: enrollBody(server.runtime, token, {}, signPair) });
  const answers = await Promise.all([call(), call(), call()]);
  expect(answers.filter((answer) => answer.status === 201)).toHaveLength(1);
  expect(await tokenOf(enrollment.id)).toMatchObject({ uses: 1 });
});

test("no secret is told by what may be read", async () => {
  const { token, enrollment } = await prepare();
  await join(token, "web");
  const texts = await Promise.all(
    [
      "/api/enrollment-tokens",
      `/api/enrollment-tokens/${enrollment.id}`,
      `/api/enrollment-tokens/${enrollment.id}/joins`,
    ].map(async (path) => JSON.stringify((await server.call("GET", path, { as: operator })).json)),
  );
  for (const text of [...texts, JSON.stringify([rows("audit_log"), rows("enrollment_tokens")])]) {
    expect(text).not.toContain(token);
    expect(text).not.toContain(REST_PASSWORD);
  }
});

test.each([
  ["one use", { maxUses: 1 }, "maxUses"],
  ["more than a thousand uses", { maxUses: 1001 }, "maxUses"],
  ["a lifetime that is not offered", { lifetimeHours: 2 }, "lifetimeHours"],
  ["a cron that never fires", { schedule: { ...SCHEDULE, cron: "0 0 31 2 *" } }, "schedule.cron"],
  ["an unknown zone", { schedule: { ...SCHEDULE, timeZone: "Mars/Base" } }, "schedule.timeZone"],
  ["no paths", { schedule: { ...SCHEDULE, paths: [] } }, "schedule.paths"],
])("a token with %s is refused at its field", async (_what, over, field) => {
  const { status, problem } = await make(over);
  expect(status).toBe(422);
  expect(problem?.errors?.map((error) => error.field)).toContain(field);
});

test("an address that does not name the host is refused", async () => {
  const { problem } = await make({ repository: { ...ORDER.repository, address: "/srv/backups" } });
  expect(problem?.code).toBe("repository.address_invalid");
});

test("a viewer makes no token", async () => {
  const viewer = await server.user("viewer");
  expect((await server.call("POST", "/api/fleet-tokens", { as: viewer, body: ORDER })).status).toBe(403);
});
