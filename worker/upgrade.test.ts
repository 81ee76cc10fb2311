import { afterEach, beforeEach, expect, test } from "vitest";
import { signGrant } from "../core/secrets/tokens.ts";
import { PENDING_TTL_MS } from "../protocol/announce.ts";
import { AGENT_SUBPROTOCOL, BROWSER_SUBPROTOCOL, GRANT_TTL_MS, GRANT_SUBPROTOCOL_PREFIX } from "../protocol/limits.ts";
import { addHost, type TestHost } from "../tests/support/fleet.ts";
import { announcementBody } from "../tests/support/announcing-agent.ts";
import { startTestServer, type TestServer } from "../tests/support/server.ts";
import { recordAnnounced } from "./store/pending-hosts.ts";
import { authorizeUpgrade } from "./upgrade.ts";

let server: TestServer;
let host: TestHost;
let viewer: Awaited<ReturnType<TestServer["user"]>>;
const jobId = "00000000-0000-7000-8000-000000000001";
beforeEach(async () => {
  server = await startTestServer();
  host = await addHost(server.runtime);
  viewer = await server.user("viewer");
  server.sqlite
    .prepare(
      "INSERT INTO jobs (id, host_id, kind, state, source, created_at) VALUES (?, ?, 'backup', 'running', 'asked', 0)",
    )
    .run(jobId, host.hostId);
});
afterEach(() => server.close());

async function upgrade(url: string, headers: Record<string, string>) {
  const { pathname, searchParams } = new URL(url, "https://manager.test");
  const request = { path: pathname, query: searchParams, headers: new Headers(headers) };
  return authorizeUpgrade(server.runtime, server.peer, request);
}
const codeOf = (result: Awaited<ReturnType<typeof upgrade>>) => (result.ok ? "ok" : result.failure.code);
const agent = (over: Record<string, string> = {}) => ({
  authorization: `Bearer ${host.bearer}`,
  "sec-websocket-protocol": AGENT_SUBPROTOCOL,
  ...over,
});
function browser(over: Record<string, string> = {}, sessionHash = viewer.sessionHash) {
  const expiresAtMs = server.nowMs() + GRANT_TTL_MS;
  const grant = signGrant(server.runtime.grantKey, { userId: viewer.userId, sessionHash, role: "viewer", expiresAtMs });
  return {
    origin: server.peer.origin,
    cookie: viewer.cookie,
    "sec-websocket-protocol": `${BROWSER_SUBPROTOCOL}, ${GRANT_SUBPROTOCOL_PREFIX}${grant}`,
    ...over,
  };
}

test("an agent's bearer names its host and nothing else does", async () => {
  const result = await upgrade("/ws/agent?hostId=other", agent());
  expect(result).toMatchObject({
    ok: true,
    value: {
      kind: "agent",
      hostId: host.hostId,
      subprotocol: AGENT_SUBPROTOCOL,
      grant: {
        hostId: host.hostId,
        address: server.peer.address,
        configVersion: 1,
        scheduleVersion: 1,
        sweepMs: 90_000,
      },
    },
  });
});

test("an agent of a large fleet is swept less often", async () => {
  server.sqlite.exec("UPDATE host_counts SET hosts = 2000 WHERE severity = 5");
  expect(await upgrade("/ws/agent", agent())).toMatchObject({ value: { grant: { sweepMs: 900_000 } } });
});

test.each([
  ["no bearer", { authorization: "" }, "auth.required"],
  ["an unknown bearer", { authorization: "Bearer rmh_unknown" }, "auth.required"],
  ["another kind of token", { authorization: "Bearer rma_unknown" }, "auth.required"],
  ["an Origin header", { origin: "https://manager.test" }, "protocol.unsupported"],
  ["a cookie", { cookie: "a=b" }, "protocol.unsupported"],
  ["another subprotocol", { "sec-websocket-protocol": "rm.2" }, "protocol.unsupported"],
])("an agent with %s is refused", async (_what, over, code) => {
  expect(codeOf(await upgrade("/ws/agent", agent(over)))).toBe(code);
});

test("the bearer of a removed host is unknown", async () => {
  server.sqlite.exec("DELETE FROM hosts");
  expect(codeOf(await upgrade("/ws/agent", agent()))).toBe("auth.required");
});

test("a console follows a job from where it left off, and its session is noted for logout", async () => {
  expect(await upgrade(`/ws/jobs/${jobId}?after=17`, browser())).toMatchObject({
    ok: true,
    value: {
      kind: "job",
      hostId: host.hostId,
      subprotocol: BROWSER_SUBPROTOCOL,
      grant: {
        userId: viewer.userId,
        sessionHash: viewer.sessionHash,
        grantUntilMs: server.nowMs() + GRANT_TTL_MS,
        jobId,
        afterSeq: 17,
      },
    },
  });
  expect(server.feed.jobSockets).toEqual([{ sessionHash: viewer.sessionHash, hostId: host.hostId }]);
});

test("a console watches the fleet", async () => {
  expect(await upgrade("/ws/fleet", browser())).toMatchObject({ ok: true, value: { kind: "fleet" } });
});

test.each([
  ["a foreign Origin", { origin: "https://evil.test" }, "request.cross_origin"],
  ["no Origin", { origin: "" }, "request.cross_origin"],
  ["no session", { cookie: "" }, "auth.required"],
  ["no grant", { "sec-websocket-protocol": BROWSER_SUBPROTOCOL }, "auth.required"],
  ["a forged grant", { "sec-websocket-protocol": `${BROWSER_SUBPROTOCOL}, rm.grant.e30.AAAA` }, "auth.required"],
  ["no subprotocol", { "sec-websocket-protocol": "" }, "protocol.unsupported"],
  ["an agent's bearer", { cookie: "", authorization: "Bearer rmh_x" }, "auth.required"],
])("a console with %s is refused", async (_what, over, code) => {
  for (const url of ["/ws/fleet", `/ws/jobs/${jobId}`]) expect(codeOf(await upgrade(url, browser(over)))).toBe(code);
});

test("a grant of another session is refused, and so is one past its minute", async () => {
  expect(codeOf(await upgrade("/ws/fleet", browser({}, "f".repeat(64))))).toBe("auth.required");
  const headers = browser();
  server.advance(GRANT_TTL_MS);
  expect(codeOf(await upgrade("/ws/fleet", headers))).toBe("auth.required");
});

test.each([
  ["/ws/jobs/00000000-0000-7000-8000-00000000000f", "job.not_found"],
  [`/ws/jobs/${jobId}?after=-1`, "request.invalid"],
  [`/ws/jobs/${jobId}?after=1e9`, "request.invalid"],
  ["/ws/jobs/", "request.not_found"],
  ["/ws/other", "request.not_found"],
])("%s answers %s", async (url, code) => {
  expect(codeOf(await upgrade(url, browser()))).toBe(code);
});

test("anyone may wait for an announcement that there is, for an hour, and only as an agent", async () => {
  const row = await recordAnnounced(server.db, jobId, announcementBody(server.runtime), "192.0.2.9", server.nowMs());
  if (row.outcome !== "waiting") throw new Error(row.outcome);
  const { signKey, expiresAt } = row.row;
  const wait = (id: string, over: Record<string, string> = {}) =>
    upgrade(`/ws/agent/pending?id=${id}`, { "sec-websocket-protocol": AGENT_SUBPROTOCOL, ...over });
  expect(await wait(jobId)).toEqual({
    ok: true,
    value: {
      kind: "pending",
      subprotocol: AGENT_SUBPROTOCOL,
      grant: { pendingId: jobId, signKey, expiresAtMs: expiresAt },
    },
  });
  for (const id of ["", host.hostId, "x".repeat(5000)]) expect(codeOf(await wait(id))).toBe("request.not_found");
  const { origin, cookie } = browser();
  for (const over of [{ origin }, { cookie }, { "sec-websocket-protocol": "chat" }])
    expect(codeOf(await wait(jobId, over as Record<string, string>))).toBe("protocol.unsupported");
  server.advance(PENDING_TTL_MS);
  expect(codeOf(await wait(jobId))).toBe("request.not_found");
});
