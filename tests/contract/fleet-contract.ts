import { expect, test } from "vitest";
import type { FleetGrant } from "../../core/access/socket-grants.ts";
import { signGrant } from "../../core/secrets/tokens.ts";
import type { FleetMessage } from "../../protocol/stream.ts";
import type { FleetFeedPort } from "../../worker/bindings.ts";
import { testUuid, until, type ClientSocket, type TestOutside } from "./relay-world.ts";

/** One platform with one fleet feed on it. */
export interface FleetWorld {
  readonly feed: FleetFeedPort;
  readonly outside: TestOutside;
  open(grant: FleetGrant): Promise<ClientSocket>;
  evict(): Promise<void>;
  advance(ms: number): Promise<void>;
}

/** What every platform's fleet feed must do, evicted between any two steps. */
export function fleetContract(make: () => Promise<FleetWorld>): void {
  const open = async (world: FleetWorld, sessionHash: string, userId = testUuid()) => {
    const socket = await world.open({ userId, sessionHash, grantUntilMs: world.outside.now() + 60_000 });
    await until("hello", () => socket.frames.length > 0);
    await world.evict();
    return socket;
  };
  const removed = (hostId: string): FleetMessage => ({ type: "hostRemoved", hostId });

  test("dashboards hear what is published, and a relay learns whether anyone watches", async () => {
    const world = await make();
    expect(await world.feed.publish([removed("a")])).toEqual({ watched: false });
    const socket = await open(world, "s1");
    expect(JSON.parse(socket.frames[0]!)).toMatchObject({ type: "hello" });
    expect(await world.feed.publish([removed("b"), removed("c")])).toEqual({ watched: true });
    await until("both messages", () => socket.frames.length === 3);
    expect(socket.frames.slice(1).map((frame) => JSON.parse(frame) as FleetMessage)).toEqual([
      removed("b"),
      removed("c"),
    ]);
  });

  test("a dashboard's grant runs out with 4401 unless the page renews it, and only with a grant of its own", async () => {
    const world = await make();
    const userId = testUuid();
    const renewed = await open(world, "s2", userId);
    const idle = await open(world, "s2");
    const thief = await open(world, "s3");
    const grant = signGrant(world.outside.grantKey, {
      userId,
      sessionHash: "s2",
      role: "viewer",
      expiresAtMs: world.outside.now() + 120_000,
    });
    for (const socket of [renewed, thief]) {
      socket.send(JSON.stringify({ type: "renew", grant }));
      await world.evict();
    }
    await until("the foreign grant to be refused", () => thief.closed?.code === 4401);
    await world.advance(61_000);
    await until("the grant to run out", () => idle.closed?.code === 4401);
    expect(renewed.closed).toBeNull();
    await world.advance(60_000);
    await until("the renewed grant to run out", () => renewed.closed?.code === 4401);
  });

  test("anything but a renewal closes 4400", async () => {
    const world = await make();
    const socket = await open(world, "s4");
    socket.send(JSON.stringify({ type: "seen", seq: 1 }));
    await until("the close", () => socket.closed?.code === 4400);
  });

  test("signing out closes the session's dashboards and names the hosts whose relays hold more of it", async () => {
    const world = await make();
    const mine = await open(world, "s5");
    const other = await open(world, "s6");
    const untilMs = world.outside.now() + 600_000;
    await world.feed.noteJobSocket("s5", "host-1", untilMs);
    await world.evict();
    await world.feed.noteJobSocket("s5", "host-2", untilMs);
    await world.feed.noteJobSocket("s5", "host-1", untilMs);
    await world.evict();
    expect((await world.feed.closeSession("s5")).toSorted()).toEqual(["host-1", "host-2"]);
    await until("the close", () => mine.closed?.code === 4401);
    expect(other.closed).toBeNull();
    expect(await world.feed.closeSession("s5")).toEqual([]);
  });
}
