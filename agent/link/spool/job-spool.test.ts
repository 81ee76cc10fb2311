import fc from "fast-check";
import { expect, test } from "vitest";
import { FaultyDisk, PowerCut } from "../../../tests/support/faulty-disk.ts";
import type { JobRecord } from "../../../protocol/wire.ts";
import { SpoolBudget } from "./budget.ts";
import type { SpoolDisk } from "./disk.ts";
import { JobSpool } from "./job-spool.ts";

const line = (text: string): JobRecord => ({ type: "logged", atMs: 1, stream: "restic", text });
const fact: JobRecord = { type: "started", atMs: 1 };
const verdict: JobRecord = { type: "finished", atMs: 2, outcome: "succeeded" };

function options(disk: SpoolDisk, budget = new SpoolBudget()) {
  const timers: (() => void)[] = [];
  return {
    directory: "job",
    disk,
    budget,
    nowMs: () => 1,
    after: (_ms: number, task: () => void) => {
      timers.push(task);
      return () => void timers.splice(timers.indexOf(task), 1);
    },
    onKept: () => {},
    onTrouble: () => {},
    tick: () => timers.splice(0).forEach((task) => task()),
  };
}

/** Everything from `from` on, in batches of a few; throws at a hole. */
function readAll(spool: JobSpool, from: number): string[] {
  const all: string[] = [];
  for (let next = from; next <= spool.tail;) {
    const batch = spool.read(next, { bytes: 200, records: 3 })!;
    if (batch.first !== next) throw new Error(`asked for ${next}, got ${batch.first}`);
    all.push(...batch.records);
    next += batch.records.length;
  }
  return all;
}

/** An even stream of 0..1 from a seed (mulberry32), which shrinks with it. */
function chances(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

test("no power cut loses or renumbers what was kept", () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant("line" as const), size: fc.nat(2000) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("fact" as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("tick" as const) }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant("ack" as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("refuse" as const), on: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("cut" as const), after: fc.nat(6) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: "max" }), fc.integer(), (steps, seed) => {
      const disk = new FaultyDisk(chances(seed));
      let world = options(disk);
      let spool = JobSpool.create(world);
      let acked = 0;
      let made = 0;
      const texts = new Set<string>();
      const add = (record: JobRecord) => {
        texts.add(JSON.stringify(record));
        spool.add(record);
      };
      /** Records the spool said are kept, by seq, while the disk took them. */
      const kept = new Map<number, string>();
      const check = () => {
        const present = new Map(readAll(spool, acked + 1).map((json, i) => [acked + 1 + i, json]));
        for (const [seq, json] of kept)
          if (seq > acked && present.get(seq) !== json) throw new Error(`record ${seq} is not what was kept`);
        for (const [seq, json] of present) {
          if (!texts.has(json)) throw new Error(`record ${seq} was never made: ${json}`);
          kept.set(seq, json);
        }
      };
      const restart = () => {
        disk.refuse = false;
        disk.restart();
        world = options(disk);
        spool = JobSpool.open(world);
        spool.acknowledge(acked);
        check();
      };
      for (const one of steps) {
        try {
          if (one.do === "line") add(line(`${++made} ${"x".repeat(one.size)}`));
          else if (one.do === "fact") add({ ...fact, atMs: ++made });
          else if (one.do === "tick") world.tick();
          else if (one.do === "ack") {
            acked = Math.max(acked, Math.floor(spool.tail * one.share));
            spool.acknowledge(acked);
          } else if (one.do === "refuse") disk.refuse = one.on;
          else disk.cutAfter(one.after);
          if (!disk.refuse) {
            spool.flush();
            check();
          }
        } catch (error) {
          if (!(error instanceof PowerCut)) throw error;
          // What was only in memory goes with the power; the server's acknowledgements stand.
          restart();
        }
      }
    }),
    { numRuns: 200 },
  );
});

test("past the cap lines are counted, and one mark stands for them before the verdict", () => {
  const world = options(new FaultyDisk(() => 0), new SpoolBudget(4000, 1000));
  const spool = JobSpool.create(world);
  for (let i = 0; i < 100; i++) {
    spool.add(line(`${i} ${"x".repeat(100)}`));
    spool.flush();
  }
  spool.add({ ...fact, atMs: 5 });
  spool.add(verdict);
  const records = readAll(spool, 1).map((json) => JSON.parse(json) as JobRecord);
  const lines = records.filter((record) => record.type === "logged").length;
  const marks = records.flatMap((record) => (record.type === "dropped" ? [record.lines] : []));
  expect(lines).toBeLessThan(30);
  expect(marks).toEqual([100 - lines]);
  expect(records.slice(-3).map((record) => record.type)).toEqual(["started", "dropped", "finished"]);
});

test("below three quarters of the cap lines are taken again, behind their mark", () => {
  const budget = new SpoolBudget(4000, 1000);
  const spool = JobSpool.create(options(new FaultyDisk(() => 0), budget));
  budget.count(3500);
  spool.add(line("not taken"));
  budget.count(-400);
  spool.add(line("not taken either"));
  budget.count(-200);
  spool.add(line("taken"));
  spool.flush();
  expect(readAll(spool, 1).map((json) => (JSON.parse(json) as JobRecord).type)).toEqual(["dropped", "logged"]);
  expect(JSON.parse(readAll(spool, 1)[0]!)).toMatchObject({ lines: 2 });
});

test("the count of dropped lines outlives a crash, and is settled once", () => {
  const disk = new FaultyDisk(() => 0.99);
  const budget = new SpoolBudget(4000, 1000);
  budget.count(3500);
  const before = options(disk, budget);
  const spool = JobSpool.create(before);
  spool.add(fact);
  for (let i = 0; i < 7; i++) spool.add(line("not taken"));
  before.tick();
  disk.restart();
  const again = JobSpool.open(options(disk, new SpoolBudget()));
  again.add(line("the first one taken"));
  again.flush();
  disk.restart();
  const third = JobSpool.open(options(disk, new SpoolBudget()));
  third.add(verdict);
  const records = readAll(third, 1).map((json) => JSON.parse(json) as JobRecord);
  expect(records.map((record) => record.type)).toEqual(["started", "dropped", "logged", "finished"]);
  expect(records[1]).toMatchObject({ lines: 7 });
});

test("a server that knows more than a disk that was rolled back is never numbered below", () => {
  const disk = new FaultyDisk(() => 0.99);
  const spool = JobSpool.create(options(disk));
  spool.add(fact);
  spool.acknowledge(10);
  expect(spool.tail).toBe(10);
  spool.add({ ...fact, atMs: 9 });
  disk.restart();
  const again = JobSpool.open(options(disk));
  expect(again.tail).toBe(11);
  expect(again.read(11, { bytes: 1000, records: 10 })).toMatchObject({ first: 11 });
});

test("a server that was rolled back gets what is left, from its first number on", () => {
  const spool = JobSpool.create(options(new FaultyDisk(() => 0)));
  const big = "x".repeat(16_000);
  for (let i = 0; i < 100; i++) spool.add(line(big));
  spool.flush();
  spool.acknowledge(95);
  expect(spool.floor).toBe(96);
  const batch = spool.read(3, { bytes: 1_000_000, records: 1000 })!;
  expect(batch.first).toBeGreaterThan(3);
  expect(batch.first).toBeLessThanOrEqual(96);
});

test("a disk that refuses costs nothing while the agent lives", () => {
  const disk = new FaultyDisk(() => 0.99);
  const troubles: (string | null)[] = [];
  const spool = JobSpool.create({ ...options(disk), onTrouble: (why) => troubles.push(why) });
  spool.add({ ...fact, atMs: 1 });
  disk.refuse = true;
  spool.add({ ...fact, atMs: 2 });
  spool.add({ ...fact, atMs: 3 });
  expect(readAll(spool, 1)).toHaveLength(3);
  spool.acknowledge(2);
  disk.refuse = false;
  spool.add({ ...fact, atMs: 4 });
  disk.restart();
  const again = JobSpool.open(options(disk));
  expect(again.tail).toBe(4);
  expect(readAll(again, 3).map((json) => (JSON.parse(json) as { atMs: number }).atMs)).toEqual([3, 4]);
  expect(troubles).toEqual(["no space left on device", null]);
});

test("many records are kept with few fsyncs, in their order and before the call returns", () => {
  const disk = new FaultyDisk(chances(1));
  let syncs = 0;
  const counted = new Proxy(disk, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        if (key === "sync") syncs += 1;
        return member.apply(target, args) as unknown;
      };
    },
  });
  const spool = JobSpool.create(options(counted));
  const many = Array.from({ length: 5000 }, (_, i): JobRecord => ({ ...fact, atMs: i }) as JobRecord);
  spool.addAll(many);
  expect(spool.tail).toBe(5000);
  expect(syncs).toBeLessThan(5);
  expect(readAll(spool, 1).map((json) => JSON.parse(json) as JobRecord)).toEqual(many);
});
