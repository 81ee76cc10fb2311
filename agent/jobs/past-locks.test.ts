import { hostname } from "node:os";
import { expect, test } from "vitest";
import { fail } from "../../protocol/failure.ts";
import type { RepositoryLock } from "../../protocol/wire.ts";
import { pastLocks, type LockSight } from "./past-locks.ts";
import type { ResticRun } from "./session.ts";

const NOW_MS = Date.UTC(2026, 10, 23, 12);
const exit = { code: 0, signal: null, stopped: false, document: "" };
const done: ResticRun = { exit, failure: null, lastError: null, held: [] };
const locked: ResticRun = { ...done, failure: fail("repository.locked", "locked").failure };
const lock = (id: string, more: Partial<RepositoryLock> = {}): RepositoryLock => ({
  id,
  timeMs: NOW_MS - 1000,
  exclusive: true,
  hostname: "other-host",
  pid: 4711,
  ...more,
});
/** Past the half hour after which restic takes a lock for stale. */
const OLD_MS = NOW_MS - 1_801_000;
/** No process has it: above the kernel's greatest (PID_MAX_LIMIT). */
const DEAD_PID = 2 ** 22 + 1;

/** A repository whose locks are what each look finds; the last look stays. Unlocking does what restic would, or nothing. */
function makeSight(looks: (RepositoryLock[] | null)[]) {
  const heard: string[] = [];
  const stop = new AbortController();
  const sight: LockSight = {
    nowMs: () => NOW_MS,
    phase: (phase) => void heard.push(`[${phase}]`),
    say: (_stream, text) => void heard.push(text),
    locks: async () => (looks.length > 1 ? looks.shift()! : looks[0]!),
    unlock: async () => void heard.push("unlock"),
    stop: stop.signal,
    get stopped() {
      return stop.signal.aborted;
    },
  };
  return { sight, heard, stop };
}
/** An attempt that meets a lock so many times. */
function meets(times: number) {
  let left = times;
  return async () => (left-- > 0 ? locked : done);
}
const patient = { lockWaitMs: 60_000, lockPollMs: 1 };

test("a lock of this machine's own dead process is removed at once, and one of its own past restic's half hour", async () => {
  const own = { hostname: hostname() };
  for (const left of [lock("a", { ...own, pid: DEAD_PID }), lock("b", { ...own, pid: process.pid, timeMs: OLD_MS })]) {
    const { sight, heard } = makeSight([[left]]);
    expect(await pastLocks(sight, patient, { exclusive: false, phase: null }, meets(1))).toBe(done);
    expect(heard).toEqual([expect.stringMatching(/^A lock was left behind by .*: removing it$/), "unlock"]);
  }
});

test("an old lock of another host is removed once it was not refreshed, for clocks may differ", async () => {
  const { sight, heard } = makeSight([[lock("a", { timeMs: OLD_MS })]]);
  const need = { exclusive: false, phase: null };
  expect(await pastLocks(sight, { ...patient, lockRefreshMs: 30 }, need, meets(1))).toBe(done);
  expect(heard).toEqual([
    "[lock]",
    expect.stringContaining("Waiting for the lock of other-host"),
    expect.stringContaining("A lock was left behind by other-host"),
    "unlock",
  ]);
});

test("an old lock that is refreshed is alive: it is never removed, nor with it what lies beside it", async () => {
  let looks = 0;
  const left = lock("a", { hostname: hostname(), pid: DEAD_PID });
  const refreshed = () => [left, lock(`b${looks++}`, { timeMs: OLD_MS })];
  const { sight, heard } = makeSight([[]]);
  const alive: LockSight = { ...sight, stopped: false, locks: async () => refreshed() };
  const hasty = { lockWaitMs: 100, lockPollMs: 1, lockRefreshMs: 50 };
  const end = await pastLocks(alive, hasty, { exclusive: true, phase: null }, meets(99));
  expect(end.failure?.code).toBe("repository.locked");
  expect(heard).not.toContain("unlock");
});

test("a lock that unlock did not remove is waited for instead of being unlocked again", async () => {
  const left = lock("a", { hostname: hostname(), pid: DEAD_PID });
  const { sight, heard } = makeSight([[left], [left], []]);
  expect(await pastLocks(sight, patient, { exclusive: true, phase: "prune" }, meets(2))).toBe(done);
  expect(heard.filter((one) => one === "unlock")).toHaveLength(1);
  expect(heard.slice(2)).toEqual(["[lock]", expect.stringContaining("Waiting for the lock of"), "[prune]"]);
});

test("the lock of a live process, here or elsewhere, is never removed; each holder is named once", async () => {
  const own = lock("a", { hostname: hostname(), pid: process.pid });
  const { sight, heard } = makeSight([[own], [own], [lock("b")], null]);
  expect(await pastLocks(sight, patient, { exclusive: false, phase: null }, meets(1))).toBe(done);
  expect(heard).toEqual([
    "[lock]",
    expect.stringContaining(`${hostname()}, process ${process.pid}`),
    expect.stringContaining("other-host, process 4711, since 2026-11-23 11:59:59 UTC"),
  ]);
});

test("a holder that refreshes its lock is named once, with the time it was first seen to hold it", async () => {
  const refreshed = lock("b", { timeMs: NOW_MS + 300_000 });
  const { sight, heard } = makeSight([[lock("a")], [refreshed], [refreshed], []]);
  expect(await pastLocks(sight, patient, { exclusive: true, phase: null }, meets(1))).toBe(done);
  expect(heard).toEqual(["[lock]", "Waiting for the lock of other-host, process 4711, since 2026-11-23 11:59:59 UTC"]);
});

test("a backup waits for exclusive locks alone, a prune for every one", async () => {
  const shared = lock("a", { exclusive: false });
  const backup = makeSight([[shared]]);
  expect(await pastLocks(backup.sight, patient, { exclusive: false, phase: null }, meets(1))).toBe(done);
  expect(backup.heard).toEqual(["[lock]"]);
  const prune = makeSight([[shared]]);
  const hasty = { lockWaitMs: 20, lockPollMs: 1 };
  const end = await pastLocks(prune.sight, hasty, { exclusive: true, phase: "prune" }, meets(9));
  expect(end.failure?.message).toMatch(
    /^The repository is locked: held by other-host, process 4711, since 2026-11-23 /,
  );
});

test("a job that is stopped while it waits ends then", async () => {
  const { sight, stop } = makeSight([[lock("a")]]);
  const ended = pastLocks(sight, { lockPollMs: 60_000 }, { exclusive: true, phase: null }, meets(9));
  setImmediate(() => stop.abort());
  expect((await ended).exit.stopped).toBe(true);
});
