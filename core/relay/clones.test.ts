import fc from "fast-check";
import { expect, test } from "vitest";
import { CLOSE } from "../../protocol/limits.ts";
import type { Hello } from "../../protocol/wire.ts";
import { noEffects } from "./effects.ts";
import type { SocketRef } from "./events.ts";
import { newHost, type RelayState } from "./state.ts";
import { step } from "./step.ts";

const HOST_ID = "00000000-0000-4000-8000-00000000000a";
const by = { actor: "maja", actorKind: "user", actorId: null, address: "" } as const;
const noPushed = { signKey: "", configVersion: 0, scheduleVersion: 0, sweepMs: 0 };

/** A machine with this host's identity: what it tells of itself, and the number on its disk. */
interface Machine {
  facts: Record<string, string>;
  join: number;
  socket: SocketRef | null;
}

/** A relay's state and the machines that dial it; the network loses nothing that a test does not lose. */
class World {
  readonly state: RelayState = { hostId: HOST_ID, kept: newHost(), jobs: new Map(), live: false };
  readonly machines: Machine[] = [];
  nowMs = 1_700_000_000_000;
  locks = 0;

  add(facts: Record<string, string>, join = 0): Machine {
    const machine: Machine = { facts, join, socket: null };
    this.machines.push(machine);
    return machine;
  }

  /** Connects; `keeps`: the number reaches its disk, `proves`: and the server hears so. Answers whether it was let in. */
  connect(machine: Machine, fate: { keeps: boolean; proves: boolean } = { keeps: true, proves: true }): boolean {
    this.nowMs += 1000;
    const socket = {};
    const grant = { ...noPushed, hostId: HOST_ID, address: "192.0.2.1" };
    const hello: Hello = {
      type: "hello",
      protocol: 1,
      agentVersion: "1",
      resticVersion: "",
      os: "linux",
      arch: "amd64",
      hostname: "oak",
      machineFacts: machine.facts,
      join: machine.join,
      signature: "",
      scheduleVersion: 0,
      configVersion: 0,
      timeMs: this.nowMs,
      jobs: [],
    };
    const open = this.machines.flatMap((other) => other.socket ?? []);
    const effects = noEffects();
    step(
      this.state,
      {
        type: "agentFrame",
        socket,
        attachment: { kind: "agent", phase: "challenged", sinceMs: this.nowMs, nonce: "", grant },
        frame: { kind: "message", message: hello },
        proven: true,
        others: open,
      },
      this.nowMs,
      effects,
    );
    this.#close(effects.close.map((closed) => closed.socket));
    this.locks += effects.facts.filter((fact) => fact.fact === "locked" && fact.locked).length;
    const welcome = effects.send.flatMap(({ message }) => (message.type === "welcome" ? [message] : []))[0];
    if (!welcome) {
      expect(effects.close).toContainEqual({ socket, code: CLOSE.locked, reason: "locked" });
      return false;
    }
    machine.socket = socket;
    if (fate.keeps) machine.join = welcome.join;
    if (fate.keeps && fate.proves) this.#joined(welcome.join);
    return true;
  }

  choose(no: number): void {
    const sockets = this.machines.flatMap(({ socket }) => socket ?? []);
    const effects = step(this.state, { type: "claimantChosen", no, by, sockets }, this.nowMs);
    expect(effects.answer).toEqual({ ok: true, value: null });
    this.#close(effects.close.map((closed) => closed.socket));
  }

  /** The claimant that this machine is shown as. */
  claimantOf({ facts, join }: Machine): number {
    const { claimants } = this.state.kept;
    const same = claimants.filter((claimant) => JSON.stringify(claimant.facts) === JSON.stringify(facts));
    return (same.find(({ joins }) => joins.includes(join)) ?? same[0])!.no;
  }

  #joined(join: number): void {
    step(
      this.state,
      {
        type: "agentFrame",
        socket: {},
        attachment: {
          kind: "agent",
          phase: "live",
          epoch: this.state.kept.epoch,
          sweepMs: 0,
          contactMs: this.nowMs,
          badFrames: 0,
        },
        frame: { kind: "message", message: { type: "joined", join } },
        proven: false,
        others: [],
      },
      this.nowMs,
    );
  }

  #close(sockets: readonly SocketRef[]): void {
    for (const machine of this.machines) if (sockets.includes(machine.socket!)) machine.socket = null;
  }
}

const fate = fc.record({ keeps: fc.boolean(), proves: fc.boolean() });
const alike = fc.boolean();
const factsOf = (alikeToo: boolean, i: number) => ({ hostname: "oak", hardware: alikeToo ? "a" : `a${i}` });

test("one machine, whatever of its numbers is lost, is never locked and makes no claimant", () => {
  fc.assert(
    fc.property(fc.array(fate, { maxLength: 40 }), (fates) => {
      const world = new World();
      const only = world.add({ hardware: "a" });
      for (const one of fates) expect(world.connect(only, one)).toBe(true);
      expect(world.state.kept).toMatchObject({ locked: false, claimants: [], chosen: null });
    }),
  );
});

test("two running copies lock the host by the third connection whose number is kept and proved", () => {
  fc.assert(
    fc.property(alike, fc.array(fate, { maxLength: 20 }), (same, before) => {
      const world = new World();
      const original = world.add(factsOf(same, 0));
      for (const one of before) world.connect(original, one);
      const copy = world.add(factsOf(same, 1), original.join);
      world.connect(copy);
      // Each is driven out by the other and comes back.
      for (let i = 0; i < 2 && !world.state.kept.locked; i++) world.connect(i === 0 ? original : copy);
      expect(world.state.kept.locked).toBe(true);
      expect(world.machines.map(({ socket }) => socket)).toEqual([null, null]);
    }),
  );
});

test("whichever is chosen is let in and stays, and the others never come in nor lock the host again", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 4 }),
      alike,
      fc.array(fc.tuple(fc.nat(3), fate), { maxLength: 30 }),
      fc.nat(3),
      fc.array(fc.tuple(fc.nat(3), fate), { maxLength: 30 }),
      (count, same, before, pick, after) => {
        const world = new World();
        const original = world.add(factsOf(same, 0));
        world.connect(original);
        for (let i = 1; i < count; i++) world.add(factsOf(same, i), original.join);
        for (const [i, one] of before) world.connect(world.machines[i % count]!, one);
        // All of them knock, until the host is locked and each is known.
        for (let round = 0; round < 3; round++) for (const machine of world.machines) world.connect(machine);
        expect(world.state.kept.locked).toBe(true);

        const chosen = world.machines[pick % count]!;
        world.choose(world.claimantOf(chosen));
        // Copies of the same facts and the same number cannot be told apart: then the first to come is it.
        const double = world.machines.some((other) => other !== chosen && isSame(other, chosen));
        if (double) return;
        const locks = world.locks;
        for (const [i, one] of [...after, [pick, { keeps: true, proves: true }] as const]) {
          const machine = world.machines[i % count]!;
          expect(world.connect(machine, one)).toBe(machine === chosen);
        }
        expect(world.state.kept.locked).toBe(false);
        expect(world.locks).toBe(locks);
        expect(chosen.socket).not.toBeNull();
      },
    ),
  );
});

function isSame(a: Machine, b: Machine): boolean {
  return a.join === b.join && JSON.stringify(a.facts) === JSON.stringify(b.facts);
}

test("a machine whose disk is set back again and again is let in each time it is chosen", () => {
  const event = fc.oneof(fate, fc.record({ back: fc.nat(20) }));
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), fc.array(event, { maxLength: 10 }), (one, two) => {
      const world = new World();
      const only = world.add({ hardware: "a" });
      const disks = [0];
      const live = (events: typeof one) => {
        for (const each of events) {
          if ("back" in each) only.join = disks[each.back % disks.length]!;
          else world.connect(only, each);
          disks.push(only.join);
        }
      };
      live(one);
      for (let i = 0; i < 3; i++) {
        if (!world.connect(only)) {
          world.choose(world.claimantOf(only));
          expect(world.connect(only)).toBe(true);
        }
        expect(world.state.kept.locked).toBe(false);
        expect(world.connect(only)).toBe(true);
        live(two);
      }
    }),
  );
});

test("however many machines knock, the list is short and keeps the one that held the identity and the chosen one", () => {
  const world = new World();
  const original = world.add(factsOf(false, 0));
  world.connect(original);
  world.connect(original);
  const copy = world.add(factsOf(false, 1), 0);
  world.connect(copy);
  world.choose(world.claimantOf(copy));
  for (let i = 2; i < 40; i++) world.connect(world.add(factsOf(false, i)));
  const { claimants } = world.state.kept;
  expect(claimants.length).toBeLessThanOrEqual(6);
  const listed = claimants.map(({ facts }) => facts["hardware"]);
  expect(listed).toEqual(expect.arrayContaining(["a0", "a1"]));
  expect(world.connect(copy)).toBe(true);
});

test("a hostname or machine-id that is changed on a refused copy makes no new machine of it", () => {
  const world = new World();
  const original = world.add({ ...factsOf(false, 0), machineId: "m" });
  world.connect(original);
  world.connect(original);
  const copy = world.add({ ...factsOf(false, 1), machineId: "m" }, 0);
  world.connect(copy);
  world.choose(world.claimantOf(original));
  expect(world.connect(original)).toBe(true);
  copy.facts = { ...copy.facts, hostname: "birch", machineId: "m2" };
  expect(world.connect(copy)).toBe(false);
  expect(world.state.kept).toMatchObject({ locked: false });
  expect(world.state.kept.claimants).toHaveLength(2);
});

test("what a machine tells of itself is cut to what is shown", () => {
  const world = new World();
  const original = world.add({ hardware: "a".repeat(4000), secret: "x".repeat(4000) });
  world.connect(original);
  expect(world.state.kept.holders.map(({ facts }) => facts)).toEqual([{ hardware: "a".repeat(200) }]);
});
