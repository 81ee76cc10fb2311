import { afterEach, beforeEach, expect, test } from "vitest";
import { fingerprintOf } from "../../core/enrollment/fingerprint.ts";
import { makeSignPair } from "../../core/secrets/sign.ts";
import { ANNOUNCE_PER_WINDOW, MAX_PENDING_HOSTS, PENDING_TTL_MS, type AnnounceBody } from "../../protocol/announce.ts";
import { announcementBody } from "../../tests/support/announcing-agent.ts";
import { enrollBody } from "../../tests/support/enrolling-agent.ts";
import { startTestServer, type Caller, type TestServer } from "../../tests/support/server.ts";
import { openSecret } from "../repository-secret.ts";
import { credentialPlace } from "../store/repositories.ts";

const PASSWORD = "canary-repository-password-7f3a";
const ORDER = {
  hostName: "Web 1",
  tags: ["prod"],
  repository: { address: "/srv/restic/web-1", password: PASSWORD, env: {}, createRepository: true },
  paths: ["/srv/data"],
  excludes: [],
};

let server: TestServer;
let admin: Caller;
beforeEach(async () => {
  server = await startTestServer();
  admin = await server.user("admin");
});
afterEach(() => server.close());

const rows = (table: string) => server.sqlite.prepare(`SELECT * FROM ${table}`).all() as Record<string, unknown>[];
const body = (over: Partial<AnnounceBody> = {}) => announcementBody(server.runtime, over);
const announce = (what: object = body(), address = "192.0.2.9") =>
  server.call("POST", "/api/agents/announce", { body: what, peer: { address } });
const waiting = async () => (await server.call("GET", "/api/pending", { as: admin })).json.items;
const accept = (id: string, fingerprint: string, over = {}) =>
  server.call("POST", `/api/pending/${id}/accept`, { as: admin, body: { fingerprint, ...ORDER, ...over } });
const reject = (id: string) => server.call("POST", `/api/pending/${id}/reject`, { as: admin });

test("a host that announced itself is shown, and becomes a host when its fingerprint is given", async () => {
  const what = body();
  const fingerprint = fingerprintOf(what.signKey);
  const { status, json } = await announce(what);
  expect({ status, json }).toMatchObject({ status: 201, json: { serverTimeMs: server.nowMs() } });
  expect(json.fingerprint.replaceAll(" ", "")).toBe(fingerprint);
  expect(await waiting()).toMatchObject([
    { id: json.pendingId, fingerprint: json.fingerprint, address: "192.0.2.9", twins: [] },
  ]);

  const accepted = await accept(json.pendingId, fingerprint.slice(20, 30).toUpperCase());
  expect(accepted).toMatchObject({ status: 201, json: { name: "Web 1" } });
  const { json: host } = await server.call("GET", `/api/hosts/${accepted.json.hostId}`, { as: admin });
  expect(host).toMatchObject({ name: "Web 1", hostname: "web-1", tags: ["prod"], online: false });
  expect(host.schedules).toMatchObject([{ manual: true, paths: ["/srv/data"] }]);
  const place = credentialPlace(host.repositories[0].id, "write", 1);
  expect(openSecret(server.runtime, place, rows("repository_credentials")[0]!["sealed"] as string)).toEqual({
    password: PASSWORD,
    env: {},
  });
  expect(await waiting()).toEqual([]);
  expect(server.decided).toEqual([json.pendingId]);
  expect(server.feed.published.map(({ type }) => type)).toEqual(["pendingChanged", "hostChanged", "pendingChanged"]);
  expect(rows("audit_log")).toMatchObject([{ action: "host.accept", target_id: accepted.json.hostId }]);
  expect(rows("audit_log")[0]!["detail"]).toContain(fingerprint);
  expect(server.logLines.join()).not.toContain(PASSWORD);
});

test("announcing again is the same announcement, and nobody is told anew", async () => {
  const what = body();
  const first = await announce(what);
  server.advance(1000);
  expect((await announce(what)).json).toMatchObject({
    pendingId: first.json.pendingId,
    expiresAtMs: first.json.expiresAtMs,
  });
  expect(server.feed.published).toHaveLength(1);
});

test.each([
  ["too few digits", (right: string) => right.slice(0, 9)],
  ["another host's digits", (right: string) => right.replace(/./g, (digit) => (digit === "0" ? "1" : "0"))],
  ["the right digits with one wrong", (right: string) => right.slice(0, 11) + (right[11] === "0" ? "1" : "0")],
  ["nothing", () => ""],
])("%s accept nobody, and the field is named", async (_what, typed) => {
  const what = body();
  const { json } = await announce(what);
  const { status, problem } = await accept(json.pendingId, typed(fingerprintOf(what.signKey)));
  expect({ status, errors: problem?.errors }).toMatchObject({ status: 422, errors: [{ field: "fingerprint" }] });
  expect(rows("hosts")).toEqual([]);
});

test("a bit changed in what the proof covers, and keys of low order, are refused and nothing is kept", async () => {
  const good = body();
  const bent = (text: string) => text.slice(0, 10) + (text[10] === "A" ? "B" : "A") + text.slice(11);
  const neutral = `AQ${"A".repeat(41)}`;
  for (const bad of [
    { ...good, proof: bent(good.proof) },
    { ...good, signKey: bent(good.signKey) },
    { ...good, sealKey: bent(good.sealKey) },
    { ...good, hostname: "web-2" },
    { ...good, signKey: neutral, proof: "A".repeat(86) },
    body({ sealKey: "A".repeat(43) }),
  ]) {
    const { status, problem } = await announce(bad);
    expect({ status, code: problem?.code }).toEqual({ status: 401, code: "enrollment.proof_invalid" });
  }
  expect(rows("pending_hosts")).toEqual([]);
});

test("the key of a host that joined is refused, whichever way it joined", async () => {
  const pair = makeSignPair(server.runtime.random);
  const token = await server.call("POST", "/api/enrollment-tokens", { as: admin, body: ORDER });
  await server.call("POST", "/api/agents/enroll", { body: enrollBody(server.runtime, token.json.token, {}, pair) });
  const { status, problem } = await announce(announcementBody(server.runtime, {}, pair));
  expect({ status, code: problem?.code }).toEqual({ status: 409, code: "request.conflict" });
});

test("of fifty accepts at once one makes a host, and the others hear that it is one", async () => {
  const what = body();
  const { json } = await announce(what);
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => accept(json.pendingId, fingerprintOf(what.signKey))),
  );
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
  expect(new Set(answers.map(({ status, problem }) => `${status} ${problem?.code}`))).toEqual(
    new Set(["201 undefined", "409 request.conflict"]),
  );
  for (const table of ["hosts", "repositories", "schedules", "audit_log"]) expect(rows(table)).toHaveLength(1);
});

test("who was rejected, accepted or late is not decided about again", async () => {
  const [one, two, three] = [body(), body(), body()];
  const ids = [];
  for (const what of [one, two, three]) ids.push((await announce(what)).json.pendingId);
  expect([(await reject(ids[0]!)).status, (await reject(ids[0]!)).status]).toEqual([204, 204]);
  expect(server.decided).toEqual([ids[0]]);
  expect(await accept(ids[0]!, fingerprintOf(one.signKey))).toMatchObject({ status: 409 });
  expect((await announce(one)).json.pendingId).toBe(ids[0]);
  await accept(ids[1]!, fingerprintOf(two.signKey));
  expect(await reject(ids[1]!)).toMatchObject({ status: 409 });
  expect((await waiting()).map(({ id }: { id: string }) => id)).toEqual([ids[2]]);
  server.advance(PENDING_TTL_MS);
  for (const answer of [await accept(ids[2]!, fingerprintOf(three.signKey)), await reject(ids[2]!)])
    expect(answer).toMatchObject({ status: 404, problem: { code: "request.not_found" } });
  expect(rows("hosts")).toHaveLength(1);
  expect(new Set(rows("audit_log").map(({ action }) => action))).toEqual(new Set(["host.reject", "host.accept"]));
});

test("the eleventh announcement in a minute is told when to come again; other addresses are not held up", async () => {
  for (let i = 0; i < ANNOUNCE_PER_WINDOW; i++) expect((await announce()).status).toBe(201);
  const { status, problem, headers } = await announce();
  expect({ status, code: problem?.code }).toEqual({ status: 429, code: "announce.too_many" });
  expect(headers.get("retry-after")).toBe("60");
  expect((await announce(body(), "192.0.2.10")).status).toBe(201);
});

test("a hundred wait; the next is told what to do, until one is rejected", async () => {
  const from = (i: number) => `198.51.100.${i}`;
  for (let i = 0; i < MAX_PENDING_HOSTS; i++) await announce(body(), from(i));
  const { status, problem } = await announce(body(), from(200));
  expect({ status, code: problem?.code, retryAfterMs: problem?.retryAfterMs }).toEqual({
    status: 429,
    code: "announce.too_many",
    retryAfterMs: undefined,
  });
  await reject((await waiting())[0].id);
  expect((await announce(body(), from(201))).status).toBe(201);
});
