import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { WebSocketServer, type WebSocket } from "ws";
import { toBase64url } from "../../core/bytes.ts";
import { fingerprintOf, groupFingerprint } from "../../core/enrollment/fingerprint.ts";
import { makeSignPair, verify } from "../../core/secrets/sign.ts";
import { announceProof, parsePendingAgentMessage, pendingProof, type AnnounceBody } from "../../protocol/announce.ts";
import { AGENT_SUBPROTOCOL } from "../../protocol/limits.ts";
import { pendingSocketUrl } from "../link/server-url.ts";
import { waitForDecision } from "./wait-for-decision.ts";
import { testCertificate, testKey, testPin } from "../../tests/support/certificate.ts";
import { removeFolder, temporaryFolder } from "../../tests/support/folders.ts";
import { nodeBinary, startProcess, waitFor } from "../../tests/support/process.ts";

const main = fileURLToPath(new URL("../main.ts", import.meta.url));
const pendingId = "0197a000-0000-7000-8000-000000000001";
const hostId = "0197a000-0000-7000-8000-000000000002";
const nonce = toBase64url(new Uint8Array(32).fill(9));

interface StandIn {
  origin: string;
  announced: AnnounceBody[];
  /** Sockets whose proof was right, in the order they came. */
  waiting: WebSocket[];
  /** What announcements are answered instead, one after another. */
  refusals: { detail: string; retryAfterMs?: number }[];
}

/** A stand-in for the server: believes every announcement, checks proofs as the server does, decides nothing. */
async function startStandIn(scheme: "http" | "https" = "http"): Promise<StandIn> {
  const standIn: StandIn = { origin: "", announced: [], waiting: [], refusals: [] };
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    const answer = async () => {
      const body = JSON.parse(await text(request)) as AnnounceBody;
      const refusal = standIn.refusals.shift();
      if (refusal) return response.writeHead(429).end(JSON.stringify(refusal));
      standIn.announced.push(body);
      // A lie: the fingerprint is to be compared with the server, so it must not come from there.
      const fingerprint = groupFingerprint("0".repeat(64));
      return response
        .writeHead(201)
        .end(JSON.stringify({ pendingId, fingerprint, expiresAtMs: 3600_000, serverTimeMs: 0 }));
    };
    void answer();
  };
  const http =
    scheme === "http" ? createServer(onRequest) : createTlsServer({ key: testKey, cert: testCertificate }, onRequest);
  const sockets = new WebSocketServer({
    server: http,
    path: "/ws/agent/pending",
    handleProtocols: () => AGENT_SUBPROTOCOL,
  });
  sockets.on("connection", (socket, request) => {
    expect(request.url).toBe(`/ws/agent/pending?id=${pendingId}`);
    expect(request.headers.authorization).toBeUndefined();
    socket.on("message", (data: Buffer) => {
      const message = parsePendingAgentMessage(data.toString());
      const key = standIn.announced.at(-1)?.signKey ?? "";
      if (!message.ok || !verify(key, pendingProof(pendingId, nonce), message.value.signature))
        return socket.close(4401);
      socket.send(JSON.stringify({ type: "waiting", expiresAtMs: 3600_000 }));
      standIn.waiting.push(socket);
    });
    socket.send(JSON.stringify({ type: "challenge", nonce }));
  });
  http.listen(0, "127.0.0.1");
  await new Promise<void>((resolve) => http.once("listening", () => resolve()));
  onTestFinished(() => {
    for (const socket of sockets.clients) socket.terminate();
    http.close();
  });
  standIn.origin = `${scheme}://127.0.0.1:${(http.address() as AddressInfo).port}`;
  return standIn;
}

function startHost(origin: string) {
  const folder = temporaryFolder("announce");
  onTestFinished(() => removeFolder(folder));
  const [config, state] = [join(folder, "config"), join(folder, "state")];
  const args = [main, "announce", "--server", origin, "--config-dir", config, "--state-dir", state];
  return {
    config: join(config, "agent.yaml"),
    keys: join(state, "announced.json"),
    announce: (env: Record<string, string> = {}) => startProcess(nodeBinary, args, { env: { HOME: folder, ...env } }),
  };
}

/** The `count`th socket that waits. */
async function waitingSocket(standIn: StandIn, count: number): Promise<WebSocket> {
  await waitFor("a host that waits", () => standIn.waiting.length >= count);
  const socket = standIn.waiting[count - 1];
  if (!socket) throw new Error("nobody waits");
  return socket;
}
const accepted = JSON.stringify({ type: "accepted", hostId, name: "web-1", bearer: "rmb_secret", serverTimeMs: 0 });

test("an announced host shows its own fingerprint, and joins with the announced keys when it is accepted", async () => {
  const standIn = await startStandIn();
  const host = startHost(standIn.origin);
  const agent = host.announce();
  const socket = await waitingSocket(standIn, 1);
  const [body] = standIn.announced;
  if (!body) throw new Error("nothing was announced");
  expect(verify(body.signKey, announceProof(body.signKey, body.sealKey, body.hostname), body.proof)).toBe(true);
  expect(statSync(host.keys).mode & 0o777).toBe(0o600);
  const shown = agent.stdout().replaceAll(/\s+/g, "");
  expect(shown).toContain(fingerprintOf(body.signKey));
  expect(agent.stdout()).toContain("Compare this with the console before you accept");
  socket.send(accepted);
  expect((await agent.exited).code).toBe(0);
  const config = readFileSync(host.config, "utf8");
  expect(config).toContain(`hostId: "${hostId}"`);
  expect(config).toContain('bearer: "rmb_secret"');
  expect(agent.stdout() + agent.stderr()).not.toContain("rmb_secret");
  expect(existsSync(host.keys)).toBe(false);
});

test("a host that stops waiting and one whose connection is lost come back under the same fingerprint", async () => {
  const standIn = await startStandIn();
  const host = startHost(standIn.origin);
  const first = host.announce();
  await waitingSocket(standIn, 1);
  process.kill(first.pid, "SIGINT");
  expect((await first.exited).code).toBe(1);
  expect(first.stderr()).toContain("Stopped waiting. The announcement stays in the console");

  const second = host.announce();
  (await waitingSocket(standIn, 2)).close(1012);
  (await waitingSocket(standIn, 3)).send(accepted);
  expect((await second.exited).code).toBe(0);
  expect(standIn.announced.map((body) => body.signKey)).toEqual([
    standIn.announced[0]?.signKey,
    standIn.announced[0]?.signKey,
  ]);
});

test("waiting backs off while a line flaps, renews one that holds, and says only what changes", async () => {
  const standIn = await startStandIn();
  const { secretKey, publicKey } = makeSignPair(() => new Uint8Array(32).fill(7));
  await fetch(standIn.origin, { method: "POST", body: JSON.stringify({ signKey: publicKey }) });
  const said: string[] = [];
  const backoffsMs: number[] = [];
  let renew = () => {};
  const decision = waitForDecision({
    url: pendingSocketUrl(new URL(standIn.origin), pendingId),
    pendingId,
    signKey: secretKey,
    dialOptions: { env: {}, certSha256: null, timeoutMs: 5_000 },
    random: () => 1,
    sleep: async (ms) => {
      if (ms === 45_000) return new Promise((resolve) => (renew = resolve));
      backoffsMs.push(ms);
    },
    signal: new AbortController().signal,
    onWaiting: () => said.push("waiting"),
    onLost: () => said.push("lost"),
  });
  const heard = async (count: number) => waitFor(`${count} things said`, () => said.length === count);
  await heard(1);
  (await waitingSocket(standIn, 1)).terminate();
  await heard(3);
  (await waitingSocket(standIn, 2)).terminate();
  await heard(5);
  renew();
  const renewed = await waitingSocket(standIn, 4);
  await waitFor("the third socket's end", () => standIn.waiting[2]?.readyState === 3);
  expect(said).toEqual(["waiting", "lost", "waiting", "lost", "waiting"]);
  renewed.terminate();
  (await waitingSocket(standIn, 5)).send(accepted);
  expect(await decision).toMatchObject({ type: "accepted", hostId });
  expect(backoffsMs).toEqual([1000, 2000, 1000]);
});

test("a rejected host says so and keeps no keys; one whose hour is over keeps its fingerprint", async () => {
  const standIn = await startStandIn();
  const host = startHost(standIn.origin);
  const late = host.announce();
  (await waitingSocket(standIn, 1)).send(JSON.stringify({ type: "expired" }));
  expect((await late.exited).code).toBe(1);
  expect(late.stderr()).toContain("Run the same command again to announce it anew");
  expect(existsSync(host.keys)).toBe(true);

  const refused = host.announce();
  (await waitingSocket(standIn, 2)).send(JSON.stringify({ type: "rejected" }));
  expect((await refused.exited).code).toBe(1);
  expect(refused.stderr()).toContain("rejected by an administrator");
  expect(existsSync(host.keys)).toBe(false);
  expect(existsSync(host.config)).toBe(false);
});

test("a host waits for its turn where the server says when, and says why it is refused where it does not", async () => {
  const standIn = await startStandIn();
  const host = startHost(standIn.origin);
  standIn.refusals = [{ detail: "Too many hosts announced themselves.", retryAfterMs: 100 }, { detail: "All full." }];
  const agent = host.announce();
  expect((await agent.exited).code).toBe(1);
  expect(agent.stdout()).toMatch(/^Too many hosts announced themselves\. Trying again in \d seconds\.\n$/);
  expect(agent.stderr()).toBe("All full.\n");
});

test("a host waits once: a second wait on its folder is refused, and its fingerprint is not another", async () => {
  const standIn = await startStandIn();
  const host = startHost(standIn.origin);
  const first = host.announce();
  const socket = await waitingSocket(standIn, 1);
  const second = host.announce();
  expect((await second.exited).code).toBe(1);
  expect(second.stderr()).toContain(`already (process ${first.pid})`);
  expect(standIn.announced).toHaveLength(1);
  socket.send(accepted);
  expect((await first.exited).code).toBe(0);
  const third = host.announce();
  expect((await third.exited).code).toBe(0);
  expect(third.stdout()).toContain(`This host is enrolled already, as ${hostId}`);
});

test("with a pin, only that certificate hears of this host, and it is the one the agent keeps to", async () => {
  const standIn = await startStandIn("https");
  const host = startHost(standIn.origin);
  const wrong = host.announce({ RM_CERT_SHA256: "0".repeat(64) });
  expect((await wrong.exited).code).toBe(1);
  expect(standIn.announced).toEqual([]);
  const right = host.announce({ RM_CERT_SHA256: testPin });
  (await waitingSocket(standIn, 1)).send(accepted);
  expect((await right.exited).code).toBe(0);
  expect(readFileSync(host.config, "utf8")).toContain(testPin);
});
