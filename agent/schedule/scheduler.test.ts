import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { WireSchedule } from "../../protocol/wire.ts";
import { removeFolder, temporaryFolder } from "../../tests/support/folders.ts";
import { Scheduler, type Fire } from "./scheduler.ts";
import { Watermarks } from "./watermarks.ts";

const hostId = "0198c2f0-79b0-7000-8000-00000000000a";
const id = (n: number) => `0198c2f0-79b0-7000-8000-00000000000${n}`;
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const start = Date.UTC(2026, 0, 15, 12, 0, 30);

const schedule = (more: Partial<WireSchedule> = {}): WireSchedule =>
  ({
    kind: "backup",
    id: id(1),
    name: "hourly",
    repositoryId: id(2),
    enabled: true,
    manual: false,
    cron: "0 * * * *",
    timeZone: "UTC",
    spreadMinutes: 0,
    catchUp: "once",
    limits: {},
    paths: ["/srv"],
    excludes: [],
    tags: [],
    retention: null,
    createRepository: false,
    ...more,
  }) as WireSchedule;

let folder: string;
/** The host's clock, which may be set. */
let nowMs: number;
/** Time that passes, which nobody sets. */
let passedMs: number;
let schedules: WireSchedule[];
let fires: Fire[];
/** What the journal says to a new job. */
let room: boolean;
let scheduler: Scheduler;
let timer: { atMs: number; task: () => void } | null;
let longestSleepMs: number;

beforeEach(() => {
  folder = temporaryFolder("scheduler");
  nowMs = start;
  passedMs = 0;
  schedules = [schedule()];
  fires = [];
  room = true;
  longestSleepMs = 0;
  restart();
});
afterEach(() => removeFolder(folder));

const firesFile = () => join(folder, "fires.json");

/** A new process: the files are all it has. */
function restart(): void {
  timer = null;
  scheduler = new Scheduler({
    hostId,
    kept: {
      version: 4,
      get schedules() {
        return schedules;
      },
    },
    watermarks: new Watermarks(firesFile()),
    fire(fire) {
      if (!room) return "later";
      if (!fires.some(({ jobId }) => jobId === fire.jobId)) fires.push(fire);
      return "settled";
    },
    onLook() {},
    log: { info() {}, warn() {} },
    nowMs: () => nowMs,
    after(afterMs, task) {
      longestSleepMs = Math.max(longestSleepMs, afterMs);
      timer = { atMs: passedMs + afterMs, task };
      return () => (timer = null);
    },
  });
  scheduler.look();
}

/** The process lives through so much time. */
function live(ms: number): void {
  const untilMs = passedMs + ms;
  const pass = (toMs: number) => {
    nowMs += toMs - passedMs;
    passedMs = toMs;
  };
  while (timer && timer.atMs <= untilMs) {
    pass(timer.atMs);
    const { task } = timer;
    timer = null;
    task();
  }
  pass(untilMs);
}
const nominals = () => fires.map(({ nominalMs }) => new Date(nominalMs).toISOString().slice(11, 16));

test("fires at each of its times, to the millisecond, and never sleeps more than 30 s", () => {
  live(3 * hourMs);
  expect(nominals()).toEqual(["13:00", "14:00", "15:00"]);
  expect(longestSleepMs).toBe(30_000);
  expect(fires[0]).toMatchObject({
    scheduleId: id(1),
    scheduleVersion: 4,
    missed: 0,
    spec: { kind: "backup", scheduleId: id(1), paths: ["/srv"] },
  });
  expect(new Set(fires.map(({ jobId }) => jobId)).size).toBe(3);
});

test("after downtime it makes up for one fire, and says how many it missed", () => {
  live(2 * hourMs);
  nowMs += 10 * hourMs;
  restart();
  expect(nominals()).toEqual(["13:00", "14:00", "00:00"]);
  expect(fires.at(-1)).toMatchObject({ missed: 9 });
  restart();
  live(minuteMs);
  expect(fires).toHaveLength(3);
});

test("one that skips what it missed says so with its next fire", () => {
  schedules = [schedule({ catchUp: "skip" })];
  restart();
  nowMs += 10.5 * hourMs;
  restart();
  expect(fires).toEqual([]);
  live(hourMs);
  expect(fires).toMatchObject([{ missed: 10 }]);
  live(hourMs);
  expect(fires.at(-1)).toMatchObject({ missed: 0 });
});

test("a clock that is set back fires nothing twice, one that is set forward makes up for one", () => {
  live(2 * hourMs);
  nowMs -= 90 * minuteMs;
  live(90 * minuteMs);
  expect(nominals()).toEqual(["13:00", "14:00"]);
  nowMs += 5 * hourMs;
  live(minuteMs);
  expect(nominals()).toEqual(["13:00", "14:00", "19:00"]);
});

test("a clock that was years ahead does not stop the schedule once it is right again", () => {
  nowMs += 1000 * dayMs;
  live(hourMs);
  expect(fires).toHaveLength(2);
  nowMs = start;
  live(hourMs);
  expect(nominals().slice(2)).toEqual(["13:00"]);
});

test("a death after the job was kept and before the watermark fires nothing twice", () => {
  rmSync(firesFile());
  mkdirSync(firesFile());
  live(hourMs);
  expect(fires).toHaveLength(1);
  rmSync(firesFile(), { recursive: true });
  restart();
  live(hourMs);
  expect(nominals()).toEqual(["13:00", "14:00"]);
});

test("a fire without room for its job waits, and is not lost", () => {
  room = false;
  live(hourMs);
  expect(fires).toEqual([]);
  room = true;
  live(minuteMs);
  expect(nominals()).toEqual(["13:00"]);
});

test("a schedule that is new, switched on or has another time makes up for nothing", () => {
  schedules = [];
  live(dayMs);
  schedules = [schedule()];
  scheduler.look();
  schedules = [schedule({ enabled: false })];
  scheduler.look();
  live(dayMs);
  schedules = [schedule({ cron: "30 6 * * *" })];
  scheduler.look();
  schedules = [schedule({ cron: "5 * * * *" })];
  scheduler.look();
  live(minuteMs);
  expect(fires).toEqual([]);
  live(hourMs);
  expect(nominals()).toEqual(["12:05"]);
});

test("a removed schedule keeps its mark for 30 days, so that its fires stay done", () => {
  live(hourMs);
  schedules = [];
  live(29 * dayMs);
  expect(readFileSync(firesFile(), "utf8")).toContain(id(1));
  live(2 * dayMs);
  expect(readFileSync(firesFile(), "utf8")).not.toContain(id(1));
});

test("manual schedules and those that are switched off never fire", () => {
  schedules = [schedule({ manual: true }), schedule({ id: id(3), enabled: false })];
  live(dayMs);
  expect(fires).toEqual([]);
  expect(existsSync(firesFile())).toBe(true);
});

test("each schedule fires at its own moment within the spread, and its nominal time does not hold it", () => {
  schedules = [schedule({ spreadMinutes: 30 }), schedule({ id: id(3), spreadMinutes: 30 })];
  scheduler.look();
  const atMs: number[] = [];
  for (let minute = 0; minute < 25 * 60; minute++) {
    const before = fires.length;
    live(minuteMs);
    for (let i = before; i < fires.length; i++) atMs.push(nowMs);
  }
  expect(fires).toHaveLength(48);
  expect(fires.every(({ nominalMs }) => nominalMs % hourMs === 0)).toBe(true);
  expect(new Set(fires.map((fire, i) => `${fire.scheduleId} ${atMs[i]! % hourMs}`)).size).toBe(2);
});
