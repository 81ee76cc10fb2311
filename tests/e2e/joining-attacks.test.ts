import { randomUUID } from "node:crypto";
import { join } from "node:path";
import Sqlite from "better-sqlite3";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { fromBase64url, toBase64url } from "../../core/bytes.ts";
import { makeSignPair, sign } from "../../core/secrets/sign.ts";
import {
  ANNOUNCE_PER_WINDOW,
  ANNOUNCE_WINDOW_MS,
  MAX_PENDING_HOSTS,
  pendingProof,
  type AcceptedPending,
  type PendingHostResource,
} from "../../protocol/announce.ts";
import type { AuditResource, Enrolled, EnrollmentTokenResource, HostResource, Page } from "../../protocol/api.ts";
import { AGENT_SUBPROTOCOL, CLOSE } from "../../protocol/limits.ts";
import { ApiError, type ConsoleApi } from "../../scripts/console-api.ts";
import {
  acceptBody,
  announced,
  announcingHost,
  dialPending,
  openPending,
  postAnnouncement,
  proofFrame,
  provenSocket,
  type AnnouncingHost,
  type Origin,
} from "../support/announcing-host.ts";
import { enrollBody } from "../support/enrolling-agent.ts";
import { runtimes, startProduct, type Product } from "../support/product.ts";
import { dial } from "../support/wire-socket.ts";
import {
  dialAgent,
  enrolHost,
  enrollmentBody,
  fleetTokenBody,
  goLive,
  joinedHost,
  random,
} from "../support/wire-agent.ts";

/** Attacks on joining, each with the answer it must get: nobody gets in whom nobody let in. */

const PROXY = "127.8.0.1";
const refused = (status: number, code: string) => ({ status, problem: { code } });

describe.each(runtimes)("joining on %s", (runtime) => {
  let product: Product;
  let api: ConsoleApi;
  let customers = 0;

  beforeAll(async () => {
    product = await startProduct(runtime, runtime === "node" ? { RM_TRUSTED_PROXY: PROXY } : {});
    api = await product.signIn();
  });
  afterEach(async () => {
    // The hundred places are free again for the next test.
    for (const { id } of await pending()) await api.send("POST", `/api/pending/${id}/reject`);
  });
  afterAll(() => product?.stop());

  /** A client of an address of its own. workerd has no edge in front that writes this header, so the test writes it. */
  function customer(): Origin {
    customers++;
    if (runtime === "node") return { localAddress: `127.7.${customers >> 8}.${customers & 255}` };
    return { headers: { "cf-connecting-ip": `203.0.113.${customers}` } };
  }
  async function pending(): Promise<PendingHostResource[]> {
    return (await api.get<Page<PendingHostResource>>("/api/pending")).items;
  }
  const hosts = async () => (await api.get<Page<HostResource>>("/api/hosts")).items;
  const accept = async (pendingId: string, fingerprint: string, name: string) =>
    api.send<AcceptedPending>("POST", `/api/pending/${pendingId}/accept`, acceptBody(fingerprint, name));
  const reject = async (pendingId: string) => api.send("POST", `/api/pending/${pendingId}/reject`);
  /** The words of `count` new hosts, all said at once from where `from` says. */
  async function flood(count: number, from: (n: number) => Origin) {
    const answers = [];
    for (let n = 0; n < count; n += 50) {
      const batch = Array.from({ length: Math.min(50, count - n) }, (_, i) =>
        postAnnouncement(product.origin, announcingHost(`flood-${n + i}`).body, from(n + i)),
      );
      answers.push(...(await Promise.all(batch)));
    }
    return answers;
  }
  /** Ten got through, and ten more for each minute that a busy machine took; all others were told to wait. */
  function expectOneAddress(answers: readonly { status: number }[], startedMs: number) {
    const windows = 1 + Math.floor((Date.now() - startedMs) / ANNOUNCE_WINDOW_MS);
    const through = answers.filter(({ status }) => status === 201).length;
    expect(through).toBeGreaterThanOrEqual(ANNOUNCE_PER_WINDOW);
    expect(through).toBeLessThanOrEqual(windows * ANNOUNCE_PER_WINDOW);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(answers.length - through);
  }
  async function newPending(hostname: string): Promise<{ host: AnnouncingHost; id: string }> {
    const host = announcingHost(hostname);
    const { pendingId } = await announced(product.origin, host, customer());
    return { host, id: pendingId };
  }

  test("a flood from one address: ten are taken, the rest are told when to come again, and others are not held up", async () => {
    const flooder = customer();
    const answers = await flood(100, () => flooder);
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(ANNOUNCE_PER_WINDOW);
    for (const answer of answers.filter(({ status }) => status !== 201)) {
      expect(answer).toMatchObject(refused(429, "announce.too_many"));
      expect(answer.problem?.retryAfterMs).toBeGreaterThan(0);
      expect(answer.problem?.retryAfterMs).toBeLessThanOrEqual(ANNOUNCE_WINDOW_MS);
    }
    expect(await pending()).toHaveLength(ANNOUNCE_PER_WINDOW);
    expect((await postAnnouncement(product.origin, announcingHost("elsewhere").body, customer())).status).toBe(201);
  });

  test("a flood under 1,000 forged forwarded addresses: it is one address all the same", async () => {
    const flooder = customer();
    const forged = (n: number) => `192.0.${2 + (n >> 8)}.${n & 255}`;
    const startedMs = Date.now();
    const answers = await flood(1000, (n) => ({
      ...flooder,
      headers: {
        ...flooder.headers,
        "x-forwarded-for": forged(n),
        "x-real-ip": forged(n),
        forwarded: `for=${forged(n)}`,
      },
    }));
    expectOneAddress(answers, startedMs);
  });

  // A Worker knows the address from Cloudflare's edge, and no proxy is trusted there.
  test.runIf(runtime === "node")(
    "a flood through a trusted proxy: what the client forged before the proxy's own word does not count",
    async () => {
      const startedMs = Date.now();
      const answers = await flood(1000, (n) => ({
        localAddress: PROXY,
        headers: { "x-forwarded-for": `192.0.${2 + (n >> 8)}.${n & 255}, 198.51.100.9` },
      }));
      expectOneAddress(answers, startedMs);
      expect(new Set((await pending()).map(({ address }) => address))).toEqual(new Set(["198.51.100.9"]));
    },
  );

  test("a flood from many addresses: a hundred wait, and a token lets a host in all the while", async () => {
    const addresses = Array.from({ length: 12 }, () => customer());
    const answers = await flood(120, (n) => addresses[n % 12]!);
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(MAX_PENDING_HOSTS);
    expect(answers.filter(({ problem }) => problem?.code === "announce.too_many")).toHaveLength(20);
    const host = await enrolHost(api, "by-token");
    (await goLive(product.origin, host)).socket.close();
    await reject((await pending())[0]!.id);
    expect((await postAnnouncement(product.origin, announcingHost("next").body, customer())).status).toBe(201);
  });

  test("an old nonce: the proof of another socket of the same row is refused", async () => {
    const { host, id } = await newPending("old-nonce");
    const first = await openPending(product.origin, id);
    const captured = proofFrame(host, id, first.nonce);
    first.socket.send(captured);
    await first.socket.message("waiting");
    const second = await openPending(product.origin, id);
    expect(second.nonce).not.toBe(first.nonce);
    second.socket.send(captured);
    expect((await second.socket.closed()).code).toBe(CLOSE.badProof);
    expect(second.socket.frames).toHaveLength(1);
    expect(first.socket.ended()).toBeNull();
  });

  test("another row's nonce, another row's id and another row's key are refused", async () => {
    const [a, b] = [await newPending("row-a"), await newPending("row-b")];
    const onA = async (frame: (nonceA: string, nonceB: string) => string) => {
      const [socketA, socketB] = [await openPending(product.origin, a.id), await openPending(product.origin, b.id)];
      socketA.socket.send(frame(socketA.nonce, socketB.nonce));
      const { code } = await socketA.socket.closed();
      socketB.socket.close();
      return code;
    };
    expect(await onA((_, nonceB) => proofFrame(a.host, a.id, nonceB))).toBe(CLOSE.badProof);
    expect(await onA((nonceA) => proofFrame(a.host, b.id, nonceA))).toBe(CLOSE.badProof);
    expect(await onA((nonceA) => proofFrame(b.host, a.id, nonceA))).toBe(CLOSE.badProof);
  });

  test("whoever has not proved the key hears nothing of what became of the row", async () => {
    const { host, id } = await newPending("silent");
    const { socket } = await openPending(product.origin, id);
    await accept(id, host.fingerprint, "silent-1");
    socket.send('{"type":"proof"}');
    expect((await socket.closed()).code).toBe(CLOSE.badFrame);
    expect(socket.frames).toHaveLength(1);
  });

  test("one bit changed, in a key, the proof, the name or the signature on the socket, is refused", async () => {
    const host = announcingHost("bits");
    const flipped = (text: string) => {
      const bytes = fromBase64url(text)!;
      bytes[5]! ^= 1;
      return toBase64url(bytes);
    };
    const { signKey, sealKey, proof, hostname } = host.body;
    const before = (await pending()).length;
    const from = customer();
    for (const changed of [
      { signKey: flipped(signKey) },
      { sealKey: flipped(sealKey) },
      { proof: flipped(proof) },
      { hostname: `${hostname}2` },
      { signKey: toBase64url(new Uint8Array(32)) },
      { sealKey: toBase64url(new Uint8Array(32)) },
    ])
      expect(await postAnnouncement(product.origin, { ...host.body, ...changed }, from)).toMatchObject(
        refused(401, "enrollment.proof_invalid"),
      );
    expect(await pending()).toHaveLength(before);

    const { pendingId } = await announced(product.origin, host, from);
    const { socket, nonce } = await openPending(product.origin, pendingId);
    const signature = flipped(sign(host.secretKey, pendingProof(pendingId, nonce)));
    socket.send(JSON.stringify({ type: "proof", signature }));
    expect((await socket.closed()).code).toBe(CLOSE.badProof);
  });

  test("a fingerprint with one digit changed, and one too short, let nobody in", async () => {
    const { host, id } = await newPending("digits");
    const digit = host.fingerprint[7] === "0" ? "1" : "0";
    const changed = host.fingerprint.slice(0, 7) + digit + host.fingerprint.slice(8);
    const before = (await hosts()).length;
    for (const typed of [changed, changed.slice(0, 12), host.fingerprint.slice(0, 9), "", `${host.fingerprint}00`])
      await expect(accept(id, typed, "digits-1")).rejects.toMatchObject({ status: 422 });
    expect(await hosts()).toHaveLength(before);
    expect((await pending()).map((row) => row.id)).toContain(id);
  });

  test("a row exchanged for one of the same name: the digits of the host's terminal do not fit the stranger's", async () => {
    const [real, stranger] = [await newPending("db-1"), await newPending("db-1")];
    await expect(accept(stranger.id, real.host.fingerprint, "db-1")).rejects.toMatchObject({ status: 422 });
    const rows = await pending();
    expect(rows.find(({ id }) => id === stranger.id)?.twins.map(({ id }) => id)).toEqual([real.id]);
  });

  test("after reject: the host hears it, its key has no second try within the hour, and nobody can accept it", async () => {
    const { host, id } = await newPending("rejected");
    const waiting = await provenSocket(product.origin, host, id);
    await waiting.message("waiting");
    await reject(id);
    await waiting.message("rejected");
    expect((await waiting.closed()).code).toBe(1000);
    await expect(accept(id, host.fingerprint, "rejected-1")).rejects.toMatchObject({ status: 409 });
    const again = await announced(product.origin, host, customer());
    expect(again.pendingId).toBe(id);
    expect(await pending()).toEqual([]);
    await (await provenSocket(product.origin, host, id)).message("rejected");
  });

  test("a race of twenty accepts and one reject makes one host or none, and the audit log agrees", async () => {
    const { host, id } = await newPending("race");
    const before = (await hosts()).length;
    const asked = await Promise.allSettled([
      ...Array.from({ length: 20 }, (_, n) => accept(id, host.fingerprint, `race-${n}`)),
      reject(id),
    ]);
    const accepted = asked.slice(0, 20).filter(({ status }) => status === "fulfilled");
    const made = (await hosts()).length - before;
    expect(made).toBe(accepted.length);
    expect(made).toBeLessThanOrEqual(1);
    for (const each of asked) if (each.status === "rejected") expect((each.reason as ApiError).status).toBe(409);
    const { items } = await api.get<Page<AuditResource>>("/api/audit");
    const decisions = items.filter(
      ({ action, targetId, detail }) =>
        (action === "host.accept" && detail["pendingId"] === id) || (action === "host.reject" && targetId === id),
    );
    expect(decisions).toHaveLength(1);
    expect(decisions[0]!.action).toBe(made === 1 ? "host.accept" : "host.reject");
  });

  test("the key of a host that has joined is refused, and its row gives out no bearer once it has connected", async () => {
    const { host, id } = await newPending("joined");
    const { hostId } = await accept(id, host.fingerprint, "joined-1");
    const first = await (await provenSocket(product.origin, host, id)).message<Enrolled>("accepted");
    const second = await (await provenSocket(product.origin, host, id)).message<Enrolled>("accepted");
    expect([first.hostId, second.hostId]).toEqual([hostId, hostId]);
    // The bearer that may have been lost on the way is no more.
    await expect(dialAgent(product.origin, first)).rejects.toThrow("401");
    await goLive(product.origin, await joinedHost(api, second, host.secretKey));
    const third = await provenSocket(product.origin, host, id);
    await third.message("expired");
    await dialAgent(product.origin, second);

    const byToken = await enrolHost(api, "joined-2");
    const { body } = announcingHost("joined-2", byToken.secretKey);
    expect(await postAnnouncement(product.origin, body, customer())).toMatchObject(refused(409, "request.conflict"));
  });

  test("after revocation: a host that was accepted and removed gets no bearer, and the one it had is no more", async () => {
    const { host, id } = await newPending("removed");
    const { hostId } = await accept(id, host.fingerprint, "removed-1");
    const { bearer } = await (await provenSocket(product.origin, host, id)).message<Enrolled>("accepted");
    await api.send("DELETE", `/api/hosts/${hostId}`, { confirmName: "removed-1" });
    await expect(dialAgent(product.origin, { bearer })).rejects.toThrow("401");
    await (await provenSocket(product.origin, host, id)).message("rejected");
    const again = await announced(product.origin, host, customer());
    await (await provenSocket(product.origin, host, again.pendingId)).message("rejected");
    expect(await pending()).toEqual([]);
  });

  test("a crowd of sockets that prove nothing does not keep the host itself from its place", async () => {
    const { host, id } = await newPending("crowd");
    const waiting = await provenSocket(product.origin, host, id);
    await waiting.message("waiting");
    const crowd = await Promise.all(Array.from({ length: 30 }, () => openPending(product.origin, id)));
    expect(waiting.ended()).toBeNull();
    const again = await provenSocket(product.origin, host, id);
    await again.message("waiting");
    expect((await waiting.closed()).code).toBe(CLOSE.superseded);
    await accept(id, host.fingerprint, "crowd-1");
    await again.message("accepted");
    for (const { socket } of crowd) {
      expect(socket.frames).toHaveLength(1);
      socket.close();
    }
  });

  test("a page in a browser cannot wait, whatever it knows", async () => {
    const { id } = await newPending("page");
    const address = `${product.origin.replace("http", "ws")}/ws/agent/pending?id=${id}`;
    for (const header of [{ origin: product.origin }, { cookie: api.cookie() }])
      expect(await dial(address, [AGENT_SUBPROTOCOL], header)).toMatchObject(refused(400, "protocol.unsupported"));
  });

  test("a pending socket that is unknown, malformed or of nobody is refused before it opens", async () => {
    for (const id of [randomUUID(), "x", "", "..%2f..%2f"]) {
      const dialled = await dialPending(product.origin, id);
      expect(dialled).toMatchObject({ ok: false, status: 404 });
    }
  });

  // The other runtime's clock and database are out of reach; the rows' hour is tested beside the code.
  test.runIf(runtime === "node")(
    "after expiry: no accept, no socket, and the key may announce itself anew",
    async () => {
      const { host, id } = await newPending("late");
      const db = new Sqlite(join(product.folder, "data", "main.db"));
      db.prepare("UPDATE pending_hosts SET expires_at = ? WHERE id = ?").run(Date.now() - 1, id);
      db.close();
      await expect(accept(id, host.fingerprint, "late-1")).rejects.toMatchObject({ status: 404 });
      expect(await dialPending(product.origin, id)).toMatchObject({ ok: false, status: 404 });
      const again = await announced(product.origin, host, customer());
      expect(again.pendingId).not.toBe(id);
      await expect(accept(id, host.fingerprint, "late-1")).rejects.toMatchObject({ status: 404 });
      await (await provenSocket(product.origin, host, again.pendingId)).message("waiting");
    },
  );

  test("of fifty accepts at once one makes a host, its agent alone gets a bearer, and the others who wait still do", async () => {
    const [{ host, id }, other] = [await newPending("fifty"), await newPending("bystander")];
    const [socket, bystander] = [
      await provenSocket(product.origin, host, id),
      await provenSocket(product.origin, other.host, other.id),
    ];
    for (const each of [socket, bystander]) await each.message("waiting");
    const before = (await hosts()).length;
    const asked = await Promise.allSettled(Array.from({ length: 50 }, () => accept(id, host.fingerprint, "fifty")));
    expect(asked.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const each of asked) if (each.status === "rejected") expect((each.reason as ApiError).status).toBe(409);
    expect(await hosts()).toHaveLength(before + 1);
    const accepted = await socket.message<Enrolled>("accepted");
    expect(await socket.closed()).toEqual({ code: 1000, reason: "accepted" });
    await goLive(product.origin, await joinedHost(api, accepted, host.secretKey));
    expect(bystander.ended()).toBeNull();
    expect((await pending()).map((row) => row.id)).toEqual([other.id]);
  });

  test("the key that secrets are sealed to cannot be exchanged under the same fingerprint", async () => {
    const { host, id } = await newPending("sealed");
    const exchanged = announcingHost("sealed", host.secretKey);
    expect(exchanged.fingerprint).toBe(host.fingerprint);
    const answer = await postAnnouncement(product.origin, exchanged.body, customer());
    expect(answer).toMatchObject(refused(409, "request.conflict"));
    expect((await announced(product.origin, host, customer())).pendingId).toBe(id);
  });

  test("a key that joined with a token while it waited is not accepted as a second host", async () => {
    const { host, id } = await newPending("both-ways");
    const { token } = await api.send<{ token: string }>("POST", "/api/enrollment-tokens", enrollmentBody("both-ways"));
    const body = enrollBody(
      { random },
      token,
      {},
      makeSignPair(() => host.secretKey),
    );
    await api.send("POST", "/api/agents/enroll", body);
    const before = (await hosts()).length;
    await expect(accept(id, host.fingerprint, "both-ways-2")).rejects.toMatchObject({ status: 409 });
    expect(await hosts()).toHaveLength(before);
  });

  test.each([
    ["a token", 1, () => ["/api/enrollment-tokens", enrollmentBody("by token")] as const],
    ["a fleet token", 2, () => ["/api/fleet-tokens", fleetTokenBody("by fleet token")] as const],
  ])("%s lets %i of fifty at once in, nobody after, and nobody once it is revoked", async (_what, uses, order) => {
    const make = () => {
      const [path, body] = order();
      return api.send<{ token: string; enrollment: EnrollmentTokenResource }>("POST", path, body);
    };
    const enrol = (token: string) =>
      api.send<Enrolled>("POST", "/api/agents/enroll", enrollBody({ random }, token)).then(
        () => "joined",
        (error: unknown) => (error instanceof ApiError ? error.problem?.code : String(error)),
      );
    const { token } = await make();
    const answers = await Promise.all(Array.from({ length: 50 }, () => enrol(token)));
    expect(answers.filter((answer) => answer === "joined")).toHaveLength(uses);
    expect(new Set(answers)).toEqual(new Set(["joined", "enrollment.token_invalid"]));
    expect(await enrol(token)).toBe("enrollment.token_invalid");
    const revoked = await make();
    await api.send("DELETE", `/api/enrollment-tokens/${revoked.enrollment.id}`);
    expect(await enrol(revoked.token)).toBe("enrollment.token_invalid");
  });
});
