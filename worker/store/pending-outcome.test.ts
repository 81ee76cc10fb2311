import { afterEach, beforeEach, expect, test } from "vitest";
import { fingerprintOf } from "../../core/enrollment/fingerprint.ts";
import { hashToken } from "../../core/secrets/tokens.ts";
import { PENDING_TTL_MS } from "../../protocol/announce.ts";
import { announcementBody } from "../../tests/support/announcing-agent.ts";
import { startTestServer, type Caller, type TestServer } from "../../tests/support/server.ts";
import { pendingOutcome } from "./pending-outcome.ts";
import { findHostByBearer } from "./hosts.ts";

let server: TestServer;
let admin: Caller;
let pendingId: string;
let fingerprint: string;
beforeEach(async () => {
  server = await startTestServer();
  admin = await server.user("admin");
  const body = announcementBody(server.runtime);
  fingerprint = fingerprintOf(body.signKey);
  pendingId = (await server.call("POST", "/api/agents/announce", { body })).json.pendingId;
});
afterEach(() => server.close());

const outcome = () => pendingOutcome(server.db, pendingId, { nowMs: server.nowMs(), random: server.runtime.random });
const decide = (verb: "accept" | "reject", body: object = {}) =>
  server.call("POST", `/api/pending/${pendingId}/${verb}`, { as: admin, ...(verb === "accept" ? { body } : {}) });
const accept = async (): Promise<string> => {
  const repository = { address: "/srv/restic", password: "long enough", env: {}, createRepository: true };
  const body = { fingerprint, hostName: "Web 1", repository, paths: ["/srv"] };
  return (await decide("accept", body)).json.hostId;
};

test("who waits is told until when, who was rejected that it was, and after an hour that it is over", async () => {
  expect(await outcome()).toEqual({ type: "waiting", expiresAtMs: server.nowMs() + PENDING_TTL_MS });
  await decide("reject");
  expect(await outcome()).toEqual({ type: "rejected" });
  server.advance(PENDING_TTL_MS);
  expect(await outcome()).toEqual({ type: "expired" });
});

test("an accepted host gets a bearer that opens its socket; asked again, a new one in place of the old", async () => {
  const hostId = await accept();
  const [first, second] = [await outcome(), await outcome()];
  if (first.type !== "accepted" || second.type !== "accepted") throw new Error("not accepted");
  expect(first).toMatchObject({ hostId, name: "Web 1", serverTimeMs: server.nowMs() });
  expect(await findHostByBearer(server.db, hashToken(first.bearer))).toBeNull();
  expect(await findHostByBearer(server.db, hashToken(second.bearer))).toMatchObject({ hostId });
});

test("a host that has connected gets no second bearer, and one that was removed is turned away", async () => {
  const hostId = await accept();
  server.sqlite.prepare("UPDATE hosts SET last_seen_at = 1").run();
  expect(await outcome()).toEqual({ type: "expired" });
  await server.call("DELETE", `/api/hosts/${hostId}`, { as: admin, body: { confirmName: "Web 1" } });
  expect(await outcome()).toEqual({ type: "rejected" });
});
