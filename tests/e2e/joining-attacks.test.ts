import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { Agent, request } from "undici";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fingerprintOf } from "../../core/enrollment/fingerprint.ts";
import { makeSignPair, sign } from "../../core/secrets/sign.ts";
import {
  ANNOUNCE_PER_WINDOW,
  ANNOUNCE_WINDOW_MS,
  MAX_PENDING_HOSTS,
  pendingProof,
  type AcceptedPending,
  type AnnounceBody,
  type Announced,
  type PendingHostResource,
  type PendingServerMessage,
} from "../../protocol/announce.ts";
import type { Enrolled, EnrollmentTokenResource, HostResource, Page, Problem } from "../../protocol/api.ts";
import { AGENT_SUBPROTOCOL, CLOSE } from "../../protocol/limits.ts";
import { ApiError, type ConsoleApi } from "../../scripts/console-api.ts";
import { announcementBody } from "../support/announcing-agent.ts";
import { enrollBody } from "../support/enrolling-agent.ts";
import { runtimes, startProduct, type Product } from "../support/product.ts";
import {
  dialAgent,
  enrolHost,
  enrollmentBody,
  fleetTokenBody,
  goLive,
  joinedHost,
  random,
} from "../support/wire-agent.ts";
import { dial, open, type WireSocket } from "../support/wire-socket.ts";

/** Every attack on joining that we could think of, and its answer. Nobody gets in whom nobody let in. */

const bent = (text: string, at = 10) => text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
type Accepted = Extract<PendingServerMessage, { type: "accepted" }>;

describe.each(runtimes)("joining on %s", (runtime) => {
  let product: Product;
  let api: ConsoleApi;
  beforeAll(async () => {
    product = await startProduct(runtime);
    api = await product.signIn();
  });
  afterAll(() => product?.stop());

  // Each host dials from an address of its own on loopback, as they would in a network.
  let addresses = 0;
  const newAddress = () => `127.0.${1 + Math.floor(addresses / 200)}.${1 + (addresses++ % 200)}`;

  interface Answer {
    status: number;
    announced: Announced;
    problem: Problem | null;
  }
  async function announce(
    body: AnnounceBody = announcementBody({ random }),
    from: string | Agent = newAddress(),
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const dispatcher = typeof from === "string" ? new Agent({ localAddress: from }) : from;
    const answer = await request(`${product.origin}/api/agents/announce`, {
      method: "POST",
      dispatcher,
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
    const json = await answer.body.json();
    if (typeof from === "string") await dispatcher.close();
    const announced = json as Announced;
    return { status: answer.statusCode, announced, problem: answer.statusCode < 300 ? null : (json as Problem) };
  }

  /** A host that has announced itself. */
  async function waitingHost(pair = makeSignPair(random)) {
    const body = announcementBody({ random }, {}, pair);
    const { status, announced } = await announce(body);
    expect(status).toBe(201);
    const { pendingId } = announced;
    return { body, pair, pendingId, fingerprint: fingerprintOf(pair.publicKey) };
  }
  type WaitingHost = Awaited<ReturnType<typeof waitingHost>>;

  const address = (id: string) => `${product.origin.replace("http", "ws")}/ws/agent/pending?id=${id}`;
  async function challenged(pendingId: string): Promise<{ socket: WireSocket; nonce: string }> {
    const socket = await open(address(pendingId), [AGENT_SUBPROTOCOL], {});
    return { socket, nonce: (await socket.message<{ nonce: string }>("challenge")).nonce };
  }
  const proof = (host: Pick<WaitingHost, "pair">, signed: string) =>
    JSON.stringify({ type: "proof", signature: sign(host.pair.secretKey, signed) });
  /** A socket on which the host has proved its key; what it hears next is the test's to see. */
  async function proven(host: WaitingHost): Promise<WireSocket> {
    const { socket, nonce } = await challenged(host.pendingId);
    socket.send(proof(host, pendingProof(host.pendingId, nonce)));
    return socket;
  }
  async function waits(host: WaitingHost): Promise<WireSocket> {
    const socket = await proven(host);
    await socket.message("waiting");
    return socket;
  }

  const accept = (host: Pick<WaitingHost, "pendingId" | "fingerprint">, fingerprint = host.fingerprint) =>
    api.send<AcceptedPending>("POST", `/api/pending/${host.pendingId}/accept`, {
      fingerprint,
      ...enrollmentBody("joined"),
    });
  const reject = (pendingId: string) => api.send("POST", `/api/pending/${pendingId}/reject`);
  const pending = async () => (await api.get<Page<PendingHostResource>>("/api/pending")).items;
  const rejectAll = async () => {
    for (const { id } of await pending()) await reject(id);
  };
  const countHosts = async () => (await api.get<Page<HostResource>>("/api/hosts?limit=200")).items.length;
  /** Status and code of a refusal; null for a success. */
  const refusal = (asked: Promise<unknown>) =>
    asked.then(
      () => null,
      (error: unknown) => (error instanceof ApiError ? `${error.status} ${error.problem?.code}` : String(error)),
    );

  /** A second way into the database, which only the self-hosted server has. */
  function onDatabase(work: (db: Sqlite.Database) => void) {
    const db = new Sqlite(join(product.folder, "data", "main.db"));
    try {
      work(db);
    } finally {
      db.close();
    }
  }

  // ---- floods -----------------------------------------------------------------------------------------------------

  test("a flood from one address lets ten wait a minute, and a thousand forged addresses are still that one", async () => {
    const from = newAddress();
    const dispatcher = new Agent({ localAddress: from, connections: 20 });
    const startedMs = Date.now();
    const body = announcementBody({ random });
    const forged = (i: number) => {
      const one = `198.51.${Math.floor(i / 250)}.${i % 250}`;
      return { "x-forwarded-for": `${one}, ${one}`, "x-real-ip": one, forwarded: `for=${one}` };
    };
    const plain = await Promise.all(
      Array.from({ length: 30 }, () => announce(announcementBody({ random }), dispatcher)),
    );
    const withHeaders = await Promise.all(
      Array.from({ length: 1000 }, (_, i) => announce({ ...body, hostname: `h${i}` }, dispatcher, forged(i))),
    );
    await dispatcher.close();
    expect(plain.filter(({ status }) => status === 201)).toHaveLength(ANNOUNCE_PER_WINDOW);
    for (const { status, problem } of [...plain, ...withHeaders].filter((answer) => answer.status === 429)) {
      expect({ status, code: problem?.code }).toEqual({ status: 429, code: "announce.too_many" });
      expect(problem!.retryAfterMs).toBeLessThanOrEqual(ANNOUNCE_WINDOW_MS);
    }
    // The forged ones carry a proof that does not fit: what is not held up is refused for that.
    const windows = 1 + Math.floor((Date.now() - startedMs) / ANNOUNCE_WINDOW_MS);
    const heard = withHeaders.filter(({ status }) => status !== 429);
    expect(heard.length).toBeLessThanOrEqual((windows - 1) * ANNOUNCE_PER_WINDOW);
    const kept = await pending();
    expect(kept).toHaveLength(ANNOUNCE_PER_WINDOW);
    expect(new Set(kept.map((host) => host.address))).toEqual(new Set([from]));
    await rejectAll();
  });

  test("of a flood from everywhere a hundred wait, the rest is told so, and a token still joins a host", async () => {
    const answers = await Promise.all(Array.from({ length: MAX_PENDING_HOSTS + 20 }, () => announce()));
    const refused = answers.filter(({ status }) => status !== 201);
    expect(refused).toHaveLength(20);
    for (const { status, problem } of refused)
      expect({ status, code: problem?.code }).toEqual({ status: 429, code: "announce.too_many" });
    expect(await pending()).toHaveLength(MAX_PENDING_HOSTS);
    await enrolHost(api, "meanwhile");
    await reject((await pending())[0]!.id);
    expect((await announce()).status).toBe(201);
    await rejectAll();
    expect(await pending()).toEqual([]);
  });

  // ---- the pending socket -------------------------------------------------------------------------------------------

  test("an old nonce, another row's, another key and one changed bit prove nothing", async () => {
    const [host, other] = [await waitingHost(), await waitingHost()];
    const old = await challenged(host.pendingId);
    const elsewhere = await challenged(other.pendingId);
    const right = (nonce: string) => sign(host.pair.secretKey, pendingProof(host.pendingId, nonce));
    for (const frame of [
      () => proof(host, pendingProof(host.pendingId, old.nonce)),
      () => proof(host, pendingProof(host.pendingId, elsewhere.nonce)),
      (nonce: string) => proof(host, pendingProof(other.pendingId, nonce)),
      (nonce: string) => proof(other, pendingProof(host.pendingId, nonce)),
      (nonce: string) => JSON.stringify({ type: "proof", signature: bent(right(nonce)) }),
    ]) {
      const { socket, nonce } = await challenged(host.pendingId);
      socket.send(frame(nonce));
      expect(await socket.closed()).toMatchObject({ code: CLOSE.badProof });
      expect(socket.frames).toHaveLength(1);
    }
    await rejectAll();
  });

  test("strangers on a host's pending socket hear a nonce and no more, and the host still waits", async () => {
    const host = await waitingHost();
    const socket = await waits(host);
    const strangers = await Promise.all(Array.from({ length: 20 }, () => challenged(host.pendingId)));
    expect(await strangers[0]!.socket.closed()).toMatchObject({ code: CLOSE.slowDown });
    const { hostId } = await accept(host);
    expect(await socket.message<Accepted>("accepted")).toMatchObject({ hostId });
    for (const stranger of strangers) expect(stranger.socket.frames).toHaveLength(1);
    for (const [id, headers, protocol, status] of [
      [host.pendingId, { origin: product.origin }, AGENT_SUBPROTOCOL, 400],
      [host.pendingId, { cookie: api.cookie() }, AGENT_SUBPROTOCOL, 400],
      [host.pendingId, {}, "chat", 400],
      ["00000000-0000-7000-8000-000000000000", {}, AGENT_SUBPROTOCOL, 404],
      ["' OR 1=1 --", {}, AGENT_SUBPROTOCOL, 404],
    ] as const)
      expect(await dial(address(encodeURIComponent(id)), [protocol], headers as Record<string, string>)).toMatchObject({
        ok: false,
        status,
      });
  });

  // ---- what is announced --------------------------------------------------------------------------------------------

  test("one bit changed in proof, keys, host name or typed fingerprint lets nobody in", async () => {
    const good = announcementBody({ random });
    for (const bad of [
      { ...good, proof: bent(good.proof) },
      { ...good, signKey: bent(good.signKey) },
      { ...good, sealKey: bent(good.sealKey) },
      { ...good, hostname: `${good.hostname}x` },
    ])
      expect(await announce(bad)).toMatchObject({ status: 401, problem: { code: "enrollment.proof_invalid" } });
    expect(await pending()).toEqual([]);

    const host = await waitingHost();
    const before = await countHosts();
    const wrong = host.fingerprint.slice(0, -1) + (host.fingerprint.endsWith("0") ? "1" : "0");
    for (const typed of [wrong, wrong.slice(-10), host.fingerprint.slice(0, 9), "", fingerprintOf(good.signKey)])
      expect(await refusal(accept(host, typed))).toBe("422 request.invalid");
    expect(await countHosts()).toBe(before);
    await rejectAll();
  });

  test("a known seal key cannot be exchanged for another under the same fingerprint", async () => {
    const host = await waitingHost();
    const other = announcementBody({ random }, {}, host.pair);
    expect(await announce(other)).toMatchObject({ status: 409, problem: { code: "request.conflict" } });
    expect(await announce(host.body)).toMatchObject({ status: 201, announced: { pendingId: host.pendingId } });
    await rejectAll();
  });

  test("the key of a host that has joined does not wait again, and one that joined meanwhile is not accepted", async () => {
    const [first, second] = [makeSignPair(random), makeSignPair(random)];
    const enrol = async (pair: typeof first) => {
      const { token } = await api.send<{ token: string }>("POST", "/api/enrollment-tokens", enrollmentBody("by token"));
      return api.send<Enrolled>("POST", "/api/agents/enroll", enrollBody({ random }, token, {}, pair));
    };
    await enrol(first);
    expect(await announce(announcementBody({ random }, {}, first))).toMatchObject({
      status: 409,
      problem: { code: "request.conflict" },
    });
    const host = await waitingHost(second);
    await enrol(second);
    const before = await countHosts();
    expect(await refusal(accept(host))).toBe("409 request.conflict");
    expect(await countHosts()).toBe(before);
    await rejectAll();
  });

  // ---- decisions ----------------------------------------------------------------------------------------------------

  test("of fifty accepts at once one makes a host, whose agent gets the only bearer and joins", async () => {
    const [host, other] = [await waitingHost(), await waitingHost()];
    const [socket, bystander] = [await waits(host), await waits(other)];
    const before = await countHosts();
    const answers = await Promise.all(Array.from({ length: 50 }, () => refusal(accept(host))));
    expect(answers.filter((answer) => answer === null)).toHaveLength(1);
    expect(new Set(answers)).toEqual(new Set([null, "409 request.conflict"]));
    expect(await countHosts()).toBe(before + 1);
    const accepted = await socket.message<Accepted>("accepted");
    expect(await socket.closed()).toEqual({ code: 1000, reason: "accepted" });
    await goLive(product.origin, await joinedHost(api, accepted, host.pair.secretKey));
    // It has its bearer and has used it: there is no second one for the same announcement.
    const again = await proven(host);
    await again.message("expired");
    expect(bystander.ended()).toBeNull();
    expect((await pending()).map(({ id }) => id)).toEqual([other.pendingId]);
    await rejectAll();
    await bystander.message("rejected");
  });

  test("a rejected host hears it, cannot be accepted, and stays rejected however often it announces itself", async () => {
    const host = await waitingHost();
    const socket = await waits(host);
    await reject(host.pendingId);
    await socket.message("rejected");
    expect(await socket.closed()).toEqual({ code: 1000, reason: "rejected" });
    expect(await refusal(accept(host))).toBe("409 request.conflict");
    expect(await announce(host.body)).toMatchObject({ status: 201, announced: { pendingId: host.pendingId } });
    await (await proven(host)).message("rejected");
    expect(await pending()).toEqual([]);
  });

  // The other runtime's clock and database are out of reach: the contracts of store and relay have it expire on both.
  test.runIf(runtime === "node")("after its hour an announcement is nobody's, and is never accepted", async () => {
    const host = await waitingHost();
    onDatabase((db) =>
      db.prepare("UPDATE pending_hosts SET expires_at = ? WHERE id = ?").run(Date.now(), host.pendingId),
    );
    expect(await refusal(accept(host))).toBe("404 request.not_found");
    expect(await refusal(reject(host.pendingId))).toBe("404 request.not_found");
    expect(await dial(address(host.pendingId), [AGENT_SUBPROTOCOL], {})).toMatchObject({ ok: false, status: 404 });
    const anew = await announce(host.body);
    expect(anew.announced.pendingId).not.toBe(host.pendingId);
    await rejectAll();
  });

  // ---- revocation and tokens ----------------------------------------------------------------------------------------

  test("a host that is removed is out: its socket, its bearer and its announcement open nothing", async () => {
    const host = await waitingHost();
    const socket = await waits(host);
    const { hostId, name } = await accept(host);
    const joined = await joinedHost(api, await socket.message<Accepted>("accepted"), host.pair.secretKey);
    const live = await goLive(product.origin, joined);
    await api.send("DELETE", `/api/hosts/${hostId}`, { confirmName: name });
    expect(await live.socket.closed()).toMatchObject({ code: CLOSE.revoked });
    await expect(dialAgent(product.origin, joined)).rejects.toThrow("refused 401");
    await (await proven(host)).message("rejected");
    expect(await refusal(accept(host))).toBe("409 request.conflict");
  });

  test("a token lets one of fifty in, nobody after, and nobody once it is revoked; a fleet token its number", async () => {
    const make = (path: string, body: object) =>
      api.send<{ token: string; enrollment: EnrollmentTokenResource }>("POST", path, body);
    const enrol = (token: string) =>
      refusal(api.send<Enrolled>("POST", "/api/agents/enroll", enrollBody({ random }, token)));
    const fifty = async (token: string) => Promise.all(Array.from({ length: 50 }, () => enrol(token)));
    const once = await make("/api/enrollment-tokens", enrollmentBody("once"));
    const twice = await make("/api/fleet-tokens", fleetTokenBody("two of them"));
    for (const [token, uses] of [
      [once.token, 1],
      [twice.token, 2],
    ] as const) {
      const answers = await fifty(token);
      expect(answers.filter((answer) => answer === null)).toHaveLength(uses);
      expect(new Set(answers)).toEqual(new Set([null, "401 enrollment.token_invalid"]));
      expect(await enrol(token)).toBe("401 enrollment.token_invalid");
    }
    for (const revoked of [
      await make("/api/enrollment-tokens", enrollmentBody("revoked")),
      await make("/api/fleet-tokens", fleetTokenBody("revoked")),
    ]) {
      await api.send("DELETE", `/api/enrollment-tokens/${revoked.enrollment.id}`);
      expect(await enrol(revoked.token)).toBe("401 enrollment.token_invalid");
    }
  });
});
