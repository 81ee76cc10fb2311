import { expect, test } from "vitest";
import type { PendingGrant } from "../../core/access/socket-grants.ts";
import { makeSignPair, sign } from "../../core/secrets/sign.ts";
import { MAX_PENDING_FRAME_BYTES, PENDING_TTL_MS, pendingProof } from "../../protocol/announce.ts";
import { CLOSE, HELLO_WITHIN_MS } from "../../protocol/limits.ts";
import type { PendingRelayPort } from "../../worker/bindings.ts";
import { testUuid, until, type ClientSocket, type TestOutside } from "./relay-world.ts";

/** One platform with the sockets of one host that waits. */
export interface PendingWorld {
  readonly relay: PendingRelayPort;
  readonly outside: TestOutside;
  open(grant: PendingGrant): Promise<ClientSocket>;
  evict(): Promise<void>;
  advance(ms: number): Promise<void>;
}

const typesOf = (socket: ClientSocket) =>
  socket.frames.filter((frame) => frame !== "rm-pong").map((frame) => (JSON.parse(frame) as { type: string }).type);

/** What every platform's pending relay must do, evicted between any two steps. */
export function pendingContract(make: (pendingId: string) => Promise<PendingWorld>): void {
  async function scene() {
    const pendingId = testUuid();
    const world = await make(pendingId);
    const pair = makeSignPair(world.outside.random);
    const expiresAtMs = world.outside.now() + PENDING_TTL_MS;
    world.outside.outcome = { type: "waiting", expiresAtMs };
    const open = async () => {
      const socket = await world.open({ pendingId, signKey: pair.publicKey, expiresAtMs });
      const challenge = await until("the challenge", () => socket.frames[0]);
      await world.evict();
      return { socket, nonce: (JSON.parse(challenge) as { nonce: string }).nonce };
    };
    const prove = async (socket: ClientSocket, signed: string, secretKey = pair.secretKey) => {
      socket.send(JSON.stringify({ type: "proof", signature: sign(secretKey, signed) }));
      await until("an answer", () => socket.frames.length > 1 || socket.closed);
      await world.evict();
    };
    const waiting = async () => {
      const { socket, nonce } = await open();
      await prove(socket, pendingProof(pendingId, nonce));
      expect(typesOf(socket)).toEqual(["challenge", "waiting"]);
      return socket;
    };
    return { pendingId, world, pair, open, prove, waiting };
  }
  const accepted = {
    type: "accepted" as const,
    hostId: testUuid(),
    name: "web-1",
    bearer: "rmh_one",
    serverTimeMs: 1,
  };

  test("who has proved its key waits, and hears that it was accepted, with its bearer, and the end", async () => {
    const { world, waiting } = await scene();
    const socket = await waiting();
    world.outside.outcome = accepted;
    await world.relay.decided();
    await until("the end", () => socket.closed);
    expect(JSON.parse(socket.frames.at(-1)!)).toEqual(accepted);
    expect(socket.closed).toEqual({ code: 1000, reason: "accepted" });
  });

  test("who was rejected, and who connects after it was decided, hears it and no more", async () => {
    const { world, waiting, open, prove, pendingId } = await scene();
    const socket = await waiting();
    world.outside.outcome = { type: "rejected" };
    await world.relay.decided();
    await until("the end", () => socket.closed);
    const late = await open();
    await prove(late.socket, pendingProof(pendingId, late.nonce));
    for (const one of [socket, late.socket]) {
      await until("the end", () => one.closed);
      expect(typesOf(one).at(-1)).toBe("rejected");
      expect(one.closed).toEqual({ code: 1000, reason: "rejected" });
    }
  });

  test("an old nonce, another announcement's, another key and a changed bit prove nothing", async () => {
    const { world, open, prove, pendingId, pair } = await scene();
    const old = await open();
    const other = makeSignPair(world.outside.random);
    for (const attempt of [
      async (socket: ClientSocket) => prove(socket, pendingProof(pendingId, old.nonce)),
      async (socket: ClientSocket, nonce: string) => prove(socket, pendingProof(testUuid(), nonce)),
      async (socket: ClientSocket, nonce: string) => prove(socket, pendingProof(pendingId, nonce), other.secretKey),
      async (socket: ClientSocket, nonce: string) => {
        const right = sign(pair.secretKey, pendingProof(pendingId, nonce));
        const signature = (right[0] === "A" ? "B" : "A") + right.slice(1);
        socket.send(JSON.stringify({ type: "proof", signature }));
      },
    ]) {
      const { socket, nonce } = await open();
      await attempt(socket, nonce);
      await until("the refusal", () => socket.closed);
      expect(socket.closed!.code).toBe(CLOSE.badProof);
      expect(typesOf(socket)).toEqual(["challenge"]);
    }
    expect(world.outside.outcomesAsked).toEqual([]);
  });

  test("what is no proof, is too long, or comes after the proof ends the connection", async () => {
    const { open, waiting } = await scene();
    for (const [frame, code] of [
      ["{}", CLOSE.badFrame],
      ['{"type":"accepted"}', CLOSE.badFrame],
      [new Uint8Array([1, 2, 3]), CLOSE.badFrame],
      ["x".repeat(MAX_PENDING_FRAME_BYTES + 1), CLOSE.tooBig],
    ] as const) {
      const { socket } = await open();
      socket.send(frame);
      await until("the end", () => socket.closed);
      expect(socket.closed!.code).toBe(code);
    }
    const socket = await waiting();
    socket.send("rm-ping");
    await until("the pong", () => socket.frames.includes("rm-pong"));
    socket.send(JSON.stringify({ type: "proof", signature: "A".repeat(86) }));
    await until("the end", () => socket.closed);
    expect(socket.closed!.code).toBe(CLOSE.badFrame);
  });

  test("the newest that has proved its key is kept; those that prove nothing neither stay nor disturb it", async () => {
    const { world, waiting, open } = await scene();
    const first = await waiting();
    const second = await waiting();
    await until("the older to end", () => first.closed);
    expect(first.closed!.code).toBe(CLOSE.superseded);
    const strangers: Awaited<ReturnType<typeof open>>[] = [];
    for (let i = 0; i < 12; i++) strangers.push(await open());
    await until("the oldest to end", () => strangers.filter(({ socket }) => socket.closed).length === 4);
    await world.advance(HELLO_WITHIN_MS);
    await until("the others to end", () => strangers.every(({ socket }) => socket.closed));
    expect(second.closed).toBeNull();
  });

  test("who waits hears when its hour is over, and not before", async () => {
    const { world, waiting } = await scene();
    const socket = await waiting();
    await world.advance(PENDING_TTL_MS / 2);
    expect(socket.closed).toBeNull();
    await world.advance(PENDING_TTL_MS / 2);
    await until("the end", () => socket.closed);
    expect(typesOf(socket)).toEqual(["challenge", "waiting", "expired"]);
    expect(socket.closed!.code).toBe(1000);
  });

  test("of several calls at once each socket hears one answer", async () => {
    const { world, waiting } = await scene();
    const socket = await waiting();
    const asked = world.outside.outcomesAsked.length;
    world.outside.outcome = accepted;
    await Promise.all([world.relay.decided(), world.relay.decided(), world.relay.decided()]);
    await until("the end", () => socket.closed);
    expect(typesOf(socket)).toEqual(["challenge", "waiting", "accepted"]);
    expect(world.outside.outcomesAsked).toHaveLength(asked + 1);
  });

  test("while the database is down the agent is sent away, to come again", async () => {
    const { world, waiting } = await scene();
    const socket = await waiting();
    world.outside.databaseIsDown = true;
    await world.relay.decided();
    await until("the end", () => socket.closed);
    expect(socket.closed!.code).toBe(1011);
    world.outside.databaseIsDown = false;
    await waiting();
  });
}
