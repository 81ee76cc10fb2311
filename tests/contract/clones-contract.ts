import { expect, test } from "vitest";
import type { ChosenBy, ClaimsFact, LockedFact } from "../../core/relay/facts.ts";
import type { ClaimantResource } from "../../protocol/claimants.ts";
import {
  connectAgent,
  newHost,
  testUuid,
  until,
  type RelayWorld,
  type TestAgent,
  type TestHost,
} from "./relay-world.ts";

const oak = { hostname: "oak", hardware: "a1", network: "b1", machineId: "c" };
const oakCopy = { hostname: "oak", hardware: "a2", network: "b2", machineId: "c" };
const maja: ChosenBy = { actor: "maja", actorKind: "user", actorId: testUuid(), address: "192.0.2.9" };

/** Two machines with one identity, and the way out, as every platform must do it. */
export function clonesContract(make: (host: TestHost) => Promise<RelayWorld>): void {
  const begin = async () => {
    const host = newHost();
    return { host, world: await make(host) };
  };

  const claimsOf = (world: RelayWorld): readonly ClaimantResource[] =>
    world.outside.facts.findLast((fact): fact is ClaimsFact => fact.fact === "claims")?.claimants ?? [];
  const locks = (world: RelayWorld) =>
    world.outside.facts.filter((fact): fact is LockedFact => fact.fact === "locked").map(({ locked }) => locked);

  /** Connects and says hello; answers the socket and the number to say next time, null when it is refused. */
  async function come(
    { host, world }: { host: TestHost; world: RelayWorld },
    machineFacts: Record<string, string>,
    join: number,
    address = "192.0.2.1",
  ): Promise<{ agent: TestAgent; join: number | null }> {
    const agent = await connectAgent(world, host, { address });
    await agent.say(agent.hello({ join, machineFacts }));
    await until("an answer", () => agent.socket.closed ?? agent.received().find(({ type }) => type === "welcome"));
    const welcome = agent.received().find((message) => message.type === "welcome");
    if (!welcome) {
      expect(await agent.closedWith()).toBe(4423);
      return { agent, join: null };
    }
    await agent.say({ type: "joined", join: welcome.join });
    return { agent, join: welcome.join };
  }

  /** A host whose disk was copied while it ran: the copy supersedes it, and it comes back with a number too old. */
  async function twins(facts: { oak: Record<string, string>; copy: Record<string, string> }) {
    const here = await begin();
    const first = await come(here, facts.oak, 0, "192.0.2.1");
    const copy = await come(here, facts.copy, first.join!, "192.0.2.2");
    expect(await first.agent.closedWith()).toBe(4409);
    expect((await come(here, facts.oak, first.join!, "192.0.2.1")).join).toBeNull();
    expect(await copy.agent.closedWith()).toBe(4423);
    await until("the claimants", () => claimsOf(here.world).length === 2);
    return { ...here, oakJoin: first.join!, copyJoin: copy.join! };
  }

  test("a copied disk is seen at the first return of the one it drove out, and both are shown with what differs", async () => {
    const { world, oakJoin } = await twins({ oak, copy: oakCopy });
    expect(locks(world)).toEqual([true]);
    expect(claimsOf(world)).toMatchObject([
      { standing: "open", held: true, alike: false, facts: oakCopy, address: "192.0.2.2" },
      { standing: "open", held: false, alike: false, facts: oak, address: "192.0.2.1", join: oakJoin },
    ]);
    const [copy, original] = claimsOf(world);
    expect(original!.firstSeenAtMs).toBeLessThanOrEqual(copy!.firstSeenAtMs);
  });

  test("the chosen machine is let in with its old number, the other never again, and no new lock comes of it", async () => {
    const { host, world, oakJoin, copyJoin } = await twins({ oak, copy: oakCopy });
    const here = { host, world };
    const original = claimsOf(world)[1]!;
    expect(await world.relay.chooseClaimant(original.no, maja)).toEqual({ ok: true, value: null });
    expect((await come(here, oakCopy, copyJoin)).join).toBeNull();
    const back = await come(here, oak, oakJoin);
    expect(back.join).toBeGreaterThan(copyJoin);
    await until("the host to be unlocked", () => locks(world).length === 2);
    expect(locks(world)).toEqual([true, false]);
    for (const join of [copyJoin, copyJoin + 1, 0]) expect((await come(here, oakCopy, join)).join).toBeNull();
    expect(back.agent.socket.closed).toBeNull();
    expect((await come(here, oak, back.join!)).join).not.toBeNull();
    expect(locks(world)).toEqual([true, false]);
    await until("the choice to be told", () => claimsOf(world).some(({ standing }) => standing === "chosen"));
    const choices = world.outside.facts.filter((fact) => fact.fact === "claims" && fact.chosenBy !== null);
    expect(choices).toMatchObject([{ chosenBy: maja }]);
  });

  test("machines that tell the same facts are told apart by the number on their disk", async () => {
    const { host, world, oakJoin, copyJoin } = await twins({ oak, copy: oak });
    const here = { host, world };
    const [copy, original] = claimsOf(world);
    expect([copy!.alike, original!.alike]).toEqual([true, true]);
    await world.relay.chooseClaimant(original!.no, maja);
    expect((await come(here, oak, copyJoin)).join).toBeNull();
    const back = await come(here, oak, oakJoin);
    expect(back.join).toBeGreaterThan(copyJoin);
    expect((await come(here, oak, copyJoin)).join).toBeNull();
    expect((await come(here, oak, back.join!)).join).not.toBeNull();
    expect(locks(world)).toEqual([true, false]);
  });

  test("a host restored from a backup is locked with one machine in two states, and helped out the same way", async () => {
    const here = await begin();
    const old = await come(here, oak, 0);
    const newer = await come(here, oak, old.join!);
    expect(newer.join).toBeGreaterThan(old.join!);
    expect((await come(here, oak, 0)).join).toBeNull();
    await until("the claimants", () => claimsOf(here.world).length === 2);
    const restored = claimsOf(here.world).find(({ join }) => join === 0)!;
    await here.world.relay.chooseClaimant(restored.no, maja);
    const back = await come(here, oak, 0);
    expect((await come(here, oak, back.join!)).join).not.toBeNull();
    expect(locks(here.world)).toEqual([true, false]);
  });

  test("while it is locked nobody gets a job or a credential, also not after the choice until the machine is here", async () => {
    const { world, host, oakJoin } = await twins({ oak, copy: oakCopy });
    const job = {
      jobId: testUuid(),
      spec: { kind: "snapshots" as const, repositoryId: testUuid() },
      notAfterMs: world.outside.now() + 600_000,
      createdAtMs: world.outside.now(),
      cancelAsked: false,
    };
    expect(await world.relay.enqueue(job)).toMatchObject({ failure: { code: "host.locked" } });
    world.outside.config = { version: 2, repositories: [] };
    await world.relay.configChanged();
    await world.relay.chooseClaimant(claimsOf(world)[1]!.no, maja);
    expect(await world.relay.enqueue(job)).toMatchObject({ failure: { code: "host.locked" } });
    const back = await come({ host, world }, oak, oakJoin);
    await back.agent.hear("config.update", ({ version }) => version === 2);
    await back.agent.say({ type: "config.applied", version: 2, refused: [] });
    expect(await world.relay.enqueue(job)).toEqual({ ok: true, value: null });
    await back.agent.hear("job.start");
  });

  test("a wrong choice is put right: the connected machine is driven out, and the other let in", async () => {
    const { world, host, oakJoin, copyJoin } = await twins({ oak, copy: oakCopy });
    const here = { host, world };
    const [copy, original] = claimsOf(world);
    await world.relay.chooseClaimant(copy!.no, maja);
    const wrong = await come(here, oakCopy, copyJoin);
    await world.relay.chooseClaimant(original!.no, maja);
    expect(await wrong.agent.closedWith()).toBe(4423);
    expect((await come(here, oakCopy, wrong.join!)).join).toBeNull();
    expect((await come(here, oak, oakJoin)).join).toBeGreaterThan(wrong.join!);
    await until("the locks", () => locks(world).length === 4);
    expect(locks(world)).toEqual([true, false, true, false]);
  });

  test("a choice of what nobody claims is refused, and choosing twice changes nothing", async () => {
    const { world, host, oakJoin } = await twins({ oak, copy: oakCopy });
    expect(await world.relay.chooseClaimant(99, maja)).toMatchObject({ failure: { code: "request.conflict" } });
    const original = claimsOf(world)[1]!;
    await world.relay.chooseClaimant(original.no, maja);
    const back = await come({ host, world }, oak, oakJoin);
    expect(await world.relay.chooseClaimant(original.no, maja)).toEqual({ ok: true, value: null });
    expect(back.agent.socket.closed).toBeNull();
  });

  test("a third copy after the choice locks the host again", async () => {
    const { world, host, oakJoin } = await twins({ oak, copy: oakCopy });
    const here = { host, world };
    await world.relay.chooseClaimant(claimsOf(world)[1]!.no, maja);
    const back = await come(here, oak, oakJoin);
    const third = { ...oak, hardware: "a3", network: "b3" };
    expect((await come(here, third, 0)).join).toBeNull();
    expect(await back.agent.closedWith()).toBe(4423);
    await until("the lock", () => locks(world).length === 3);
    expect(claimsOf(world).map(({ standing }) => standing)).toEqual(["open", "open", "open"]);
    expect(claimsOf(world)[0]).toMatchObject({ held: true, facts: oak, join: back.join });
  });

  test("a machine that keeps knocking is written down once in a quarter of an hour", async () => {
    const { world, host, oakJoin } = await twins({ oak, copy: oakCopy });
    const here = { host, world };
    const told = () => world.outside.facts.filter((fact) => fact.fact === "claims").length;
    const before = told();
    const seenBefore = claimsOf(world)[1]!.lastSeenAtMs;
    for (let i = 0; i < 3; i++) {
      await world.advance(5 * 60_000);
      await come(here, oak, oakJoin);
    }
    await until("its time to be told", () => told() > before);
    expect(told()).toBe(before + 1);
    expect(claimsOf(world)[1]!.lastSeenAtMs).toBeGreaterThan(seenBefore);
  });
}
