import { afterEach, beforeEach, expect, test } from "vitest";
import { enrollBody } from "../../tests/support/enrolling-agent.ts";
import { startTestServer, type Caller, type TestServer } from "../../tests/support/server.ts";
import { makeSignPair } from "../../core/secrets/sign.ts";
import { ENROLLMENT_TTL_MS } from "../../protocol/limits.ts";
import { openSecret } from "../repository-secret.ts";
import { credentialPlace } from "../store/repositories.ts";

const PASSWORD = "canary-repository-password-7f3a";
const REST_PASSWORD = "canary-rest-password-91bc";
const ORDER = {
  hostName: "web-1",
  tags: ["prod"],
  repository: {
    address: "rest:https://vault.example.net/web-1",
    password: PASSWORD,
    env: { RESTIC_REST_USERNAME: "web-1", RESTIC_REST_PASSWORD: REST_PASSWORD },
    createRepository: true,
  },
  paths: ["/srv/data", "/etc"],
  excludes: ["*.tmp"],
};

let server: TestServer;
let operator: Caller;
beforeEach(async () => {
  server = await startTestServer();
  operator = await server.user("operator");
});
afterEach(() => server.close());

const rows = (table: string) => server.sqlite.prepare(`SELECT * FROM ${table}`).all() as Record<string, unknown>[];
const prepare = async (body: object = ORDER) =>
  (await server.call("POST", "/api/enrollment-tokens", { as: operator, body })).json as {
    token: string;
    installCommand: string;
    enrollment: { id: string; state: string };
  };
const enroll = (body: object) => server.call("POST", "/api/agents/enroll", { body });
const tokenState = async (id: string) =>
  (await server.call("GET", `/api/enrollment-tokens/${id}`, { as: operator })).json as {
    state: string;
    hostId?: string;
  };

test("a prepared host becomes a host with repository, credential and first schedule", async () => {
  const { token, enrollment } = await prepare();
  expect(await tokenState(enrollment.id)).toMatchObject({ state: "waiting", paths: ORDER.paths });
  const { status, json } = await enroll(enrollBody(server.runtime, token));
  expect(status).toBe(201);
  expect(json).toMatchObject({ name: "web-1", bearer: expect.stringMatching(/^rmh_/), serverTimeMs: server.nowMs() });
  const { hostId } = json as { hostId: string };

  const { json: host } = await server.call("GET", `/api/hosts/${hostId}`, { as: operator });
  expect(host).toMatchObject({
    name: "web-1",
    hostname: "web-1.example",
    tags: ["prod"],
    status: "offline",
    online: false,
    configVersion: 1,
    scheduleVersion: 1,
    repositories: [
      {
        address: ORDER.repository.address,
        createRepository: true,
        hasPassword: true,
        envKeys: ["RESTIC_REST_USERNAME", "RESTIC_REST_PASSWORD"],
        credentialVersion: 1,
      },
    ],
    schedules: [{ manual: true, enabled: true, paths: ORDER.paths, excludes: ORDER.excludes }],
  });
  expect(await tokenState(enrollment.id)).toMatchObject({ state: "used", hostId });
  const [credential] = rows("repository_credentials");
  const place = credentialPlace(host.repositories[0].id, "write", 1);
  expect(openSecret(server.runtime, place, credential!["sealed"] as string)).toEqual({
    password: PASSWORD,
    env: ORDER.repository.env,
  });
  expect(rows("enrollment_tokens")[0]).toMatchObject({ sealed: null });
  expect(server.feed.published.map((message) => message.type)).toEqual(["hostChanged", "tokenUsed"]);
  expect(rows("audit_log").map((row) => row["action"])).toEqual(
    expect.arrayContaining(["enrollment.create", "host.enroll"]),
  );
});

test("of fifty agents with one token exactly one joins", async () => {
  const { token } = await prepare();
  const answers = await Promise.all(Array.from({ length: 50 }, () => enroll(enrollBody(server.runtime, token))));
  const refused = answers.filter((answer) => answer.status !== 201);
  expect(refused).toHaveLength(49);
  expect(new Set(refused.map((answer) => `${answer.status} ${answer.problem?.code}`))).toEqual(
    new Set(["401 enrollment.token_invalid"]),
  );
  for (const table of ["hosts", "repositories", "repository_credentials", "schedules"])
    expect({ table, rows: rows(table).length }).toEqual({ table, rows: 1 });
  expect(rows("audit_log").filter((row) => row["action"] === "host.enroll")).toHaveLength(1);
});

test("one key joins once: with a second token it is refused, and that token stays usable", async () => {
  const [first, second] = [await prepare(), await prepare()];
  const signPair = makeSignPair(server.runtime.random);
  await enroll(enrollBody(server.runtime, first.token, {}, signPair));
  const { problem } = await enroll(enrollBody(server.runtime, second.token, {}, signPair));
  expect(problem?.code).toBe("request.conflict");
  expect(await tokenState(second.enrollment.id)).toMatchObject({ state: "waiting" });
});

test("unknown, expired, used and revoked tokens get one and the same answer", async () => {
  const used = await prepare();
  await enroll(enrollBody(server.runtime, used.token));
  const revoked = await prepare();
  await server.call("DELETE", `/api/enrollment-tokens/${revoked.enrollment.id}`, { as: operator });
  const expired = await prepare();
  server.advance(ENROLLMENT_TTL_MS);
  const answers: object[] = [];
  for (const token of ["", "rmt_unknown", "rma_of-another-kind", used.token, revoked.token, expired.token]) {
    const { status, problem } = await enroll(enrollBody(server.runtime, token));
    answers.push({ ...problem, requestId: "", status });
  }
  expect(answers[0]).toMatchObject({ status: 401, code: "enrollment.token_invalid" });
  expect(answers).toEqual(answers.map(() => answers[0]));
  expect(rows("hosts")).toHaveLength(1);
});

test.each([
  ["a signature of another message", { proof: "A".repeat(86) }],
  ["a key that cannot be sealed to", { sealKey: "A".repeat(43) }],
  ["a key that was not signed", { hostname: "x", sealKey: "B".repeat(43) }],
])("%s does not use the token up", async (_what, over) => {
  const { token, enrollment } = await prepare();
  const { status, problem } = await enroll(enrollBody(server.runtime, token, over));
  expect({ status, code: problem?.code }).toEqual({ status: 401, code: "enrollment.proof_invalid" });
  expect(await tokenState(enrollment.id)).toMatchObject({ state: "waiting" });
});

test("a tag that is kept for our own is refused at its place", async () => {
  const body = { ...ORDER, tags: ["prod", "rm:schedule:x"] };
  const { status, problem } = await server.call("POST", "/api/enrollment-tokens", { as: operator, body });
  expect({ status, fields: problem?.errors?.map(({ field }) => field) }).toEqual({ status: 422, fields: ["tags.1"] });
});

test("unknown and __proto__ fields are refused by name", async () => {
  const { token } = await prepare();
  const body = enrollBody(server.runtime, token);
  for (const [field, text] of [
    ["role", JSON.stringify({ ...body, role: "admin" })],
    ["__proto__", JSON.stringify(body).replace("{", '{"__proto__":{"role":"admin"},')],
    ["machineFacts.constructor", JSON.stringify({ ...body, machineFacts: { constructor: "x" } })],
  ] as const) {
    const { status, problem } = await server.call("POST", "/api/agents/enroll", {
      body: text,
      headers: { "content-type": "application/json" },
    });
    expect({ status, fields: problem?.errors?.map((error) => error.field) }).toEqual({ status: 422, fields: [field] });
  }
  expect(rows("hosts")).toHaveLength(0);
});

test.each([
  [{ address: "rest:https://user:pw@vault.example.net/" }, "repository.address_invalid"],
  [{ address: "rclone:remote:x" }, "repository.address_invalid"],
  [{ address: "-o sftp.command=x" }, "repository.address_invalid"],
  [{ env: { AWS_ACCESS_KEY_ID: "x" } }, "request.invalid"],
  [{ env: { LD_PRELOAD: "/tmp/x.so" } }, "request.invalid"],
  [{ password: "" }, "request.invalid"],
])("a host is not prepared with %j", async (over, code) => {
  const body = { ...ORDER, repository: { ...ORDER.repository, ...over } };
  const { status, problem } = await server.call("POST", "/api/enrollment-tokens", { as: operator, body });
  expect({ status, code: problem?.code }).toEqual({ status: 422, code });
  expect(rows("enrollment_tokens")).toHaveLength(0);
});

test("paths and excludes that fit in no message to the host are refused", async () => {
  const long = (count: number) => Array.from({ length: count }, (_, i) => `/srv/${i}/${"ü".repeat(2000)}`);
  for (const over of [{ paths: long(20) }, { paths: long(10), excludes: long(10) }]) {
    const { problem } = await server.call("POST", "/api/enrollment-tokens", {
      as: operator,
      body: { ...ORDER, ...over },
    });
    expect(problem).toMatchObject({ status: 422, code: "request.invalid" });
  }
  const fits = { ...ORDER, paths: long(10) };
  expect((await server.call("POST", "/api/enrollment-tokens", { as: operator, body: fits })).status).toBe(201);
});

test.each([[["relative"]], [["-rf"]], [[""]], [[]], [["/a\nb"]]])("%j are no first paths", async (paths) => {
  const { status } = await server.call("POST", "/api/enrollment-tokens", { as: operator, body: { ...ORDER, paths } });
  expect(status).toBe(422);
});

test("a planted secret is found nowhere in clear: database, answers, audit, log", async () => {
  const { token, installCommand, enrollment } = await prepare();
  const { json } = await enroll(enrollBody(server.runtime, token));
  const { hostId, bearer } = json as { hostId: string; bearer: string };
  const admin = await server.user("admin");
  const answers = [];
  for (const path of [
    `/api/hosts/${hostId}`,
    "/api/hosts",
    `/api/hosts/${hostId}/repo-credentials`,
    `/api/enrollment-tokens/${enrollment.id}`,
    "/api/enrollment-tokens",
    "/api/audit",
  ]) {
    const answer = await server.call("GET", path, { as: admin });
    expect({ path, status: answer.status }).toEqual({ path, status: 200 });
    answers.push(answer.text);
  }
  const places = {
    database: server.sqlite.serialize().toString("latin1"),
    answers: answers.join("\n"),
    log: server.logLines.join("\n"),
    installCommand,
  };
  for (const [place, content] of Object.entries(places)) {
    for (const secret of [PASSWORD, REST_PASSWORD, bearer])
      expect({ place, leaks: content.includes(secret) }).toEqual({ place, leaks: false });
    if (place !== "installCommand") expect({ place, leaks: content.includes(token) }).toEqual({ place, leaks: false });
  }
});

test("tokens come newest first, page by page, without gaps", async () => {
  const made = [];
  for (let i = 0; i < 7; i++) {
    server.advance(1000);
    made.unshift((await prepare()).enrollment.id);
  }
  const seen: string[] = [];
  let after = "";
  for (;;) {
    const { json } = await server.call("GET", `/api/enrollment-tokens?limit=3${after}`, { as: operator });
    seen.push(...(json.items as { id: string }[]).map((item) => item.id));
    if (json.next === undefined) break;
    after = `&after=${json.next}`;
  }
  expect(seen).toEqual(made);
});

test("a used token cannot be revoked, and revoking twice is the same as once", async () => {
  const used = await prepare();
  await enroll(enrollBody(server.runtime, used.token));
  const revoke = (id: string) => server.call("DELETE", `/api/enrollment-tokens/${id}`, { as: operator });
  expect((await revoke(used.enrollment.id)).problem?.code).toBe("request.conflict");
  const { enrollment } = await prepare();
  expect([(await revoke(enrollment.id)).status, (await revoke(enrollment.id)).status]).toEqual([204, 204]);
  expect(rows("audit_log").filter((row) => row["action"] === "enrollment.revoke")).toHaveLength(1);
});
