import { join } from "node:path";
import { readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { fail } from "../../protocol/failure.ts";
import type { ServerMessage } from "../../protocol/wire.ts";
import { removeFolder, temporaryFolder } from "../../tests/support/folders.ts";
import { KeptSchedules } from "./kept-schedules.ts";

const id = (n: number) => `0198c2f0-79b0-7000-8000-00000000000${n}`;
type ScheduleSet = Extract<ServerMessage, { type: "schedule.set" }>;
type Entry = ScheduleSet["schedules"][number];

let folder: string;
let path: string;
beforeEach(() => {
  folder = temporaryFolder("schedules");
  path = join(folder, "schedules.json");
});
afterEach(() => removeFolder(folder));

const entry = (n: number, more: object = {}): Entry => ({
  id: id(n),
  kind: "backup",
  name: `schedule ${n}`,
  repositoryId: id(9),
  enabled: true,
  manual: false,
  cron: "0 3 * * *",
  timeZone: "Europe/Berlin",
  spreadMinutes: 0,
  catchUp: "once",
  limits: {},
  paths: ["/srv"],
  excludes: [],
  tags: [],
  retention: null,
  createRepository: false,
  ...more,
});
const set = (version: number, part: number, last: boolean, ...schedules: Entry[]): ScheduleSet => ({
  type: "schedule.set",
  version,
  part,
  last,
  schedules,
});
const nothing = async () => null;
type Refusal = Parameters<KeptSchedules["apply"]>[1];
/** Takes one part, and applies the set with its last. */
const take = async (kept: KeptSchedules, part: ScheduleSet, refusal: Refusal = nothing) => {
  const whole = kept.collect(part);
  return whole && kept.apply(whole, refusal);
};
const ids = (kept: KeptSchedules) => kept.schedules.map((schedule) => schedule.id);

test("a set is applied with its last part, and known to the next start", async () => {
  const kept = new KeptSchedules(path);
  expect(kept.version).toBe(0);
  expect(await take(kept, set(3, 0, false, entry(1)))).toBeNull();
  expect(ids(kept)).toEqual([]);
  expect(await take(kept, set(3, 1, true, entry(2)))).toEqual({ version: 3, refused: [] });
  const again = new KeptSchedules(path);
  expect(again.version).toBe(3);
  expect(ids(again)).toEqual([id(1), id(2)]);
  expect(await take(kept, set(4, 0, true))).toEqual({ version: 4, refused: [] });
  expect(new KeptSchedules(path).schedules).toEqual([]);
});

test("a gap, another version or an older one applies nothing; the whole set sent again does", async () => {
  const kept = new KeptSchedules(path);
  await take(kept, set(5, 0, true, entry(1)));
  await take(kept, set(6, 0, false, entry(2)));
  expect(await take(kept, set(6, 2, true, entry(3)))).toBeNull();
  await take(kept, set(6, 0, false, entry(2)));
  expect(await take(kept, set(7, 1, true, entry(3)))).toBeNull();
  expect(await take(kept, set(4, 0, true, entry(3)))).toBeNull();
  expect(await take(kept, set(6, 1, true, entry(3)))).toBeNull();
  expect(ids(kept)).toEqual([id(1)]);
  await take(kept, set(6, 0, false, entry(2)));
  expect(await take(kept, set(6, 1, true, entry(3)))).toMatchObject({ version: 6 });
  expect(ids(kept)).toEqual([id(2), id(3)]);
});

test("what cannot be used is refused by id, and the others run", async () => {
  const kept = new KeptSchedules(path);
  const applied = await take(
    kept,
    set(
      1,
      0,
      true,
      entry(1),
      entry(2, { cron: "0 0 3 * * *" }),
      entry(3, { timeZone: "Moon/Base" }),
      entry(4),
      { id: id(5), kind: "restore" },
      entry(6, { ofTheFuture: true }),
    ),
    async (schedule) => (schedule.id === id(4) ? fail("policy.forbidden", "not here").failure : null),
  );
  expect(applied?.refused.map(({ id: refused, code }) => [refused, code])).toEqual([
    [id(2), "schedule.invalid"],
    [id(3), "schedule.invalid"],
    [id(4), "policy.forbidden"],
    [id(5), "schedule.invalid"],
  ]);
  expect(applied?.refused[0]?.message).toMatch(/^cron: /);
  expect(ids(kept)).toEqual([id(1), id(6)]);
  expect(readFileSync(path, "utf8")).not.toContain(id(4));
});

test("a kept schedule that this agent cannot read asks for the set again, and the others run on", () => {
  writeFileSync(path, JSON.stringify({ version: 8, schedules: [entry(1), { id: id(2), kind: "old" }] }));
  const kept = new KeptSchedules(path);
  expect(kept.version).toBe(0);
  expect(ids(kept)).toEqual([id(1)]);
});

test("a set that was judged for long does not undo a newer one", async () => {
  const kept = new KeptSchedules(path);
  let answer = () => {};
  const slow = kept.apply({ version: 3, entries: [entry(1)] }, async () => {
    await new Promise<void>((resolve) => (answer = resolve));
    return null;
  });
  expect(await take(kept, set(4, 0, true, entry(2)))).toMatchObject({ version: 4 });
  answer();
  expect(await slow).toBeNull();
  expect(ids(kept)).toEqual([id(2)]);
});

test("parts without end are not collected", () => {
  const kept = new KeptSchedules(path);
  const part = Array.from({ length: 50 }, () => entry(1));
  for (let n = 0; n < 5; n++) kept.collect(set(3, n, false, ...part));
  expect(kept.collect(set(3, 5, true))).toBeNull();
});
