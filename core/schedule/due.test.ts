import { DAY_MS } from "./day.ts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { decideFire, MAX_MISSED, type DueSchedule } from "./due.ts";
import { nextFire } from "./next-fire.ts";
import { spreadMs } from "./spread.ts";

const HOUR_MS = 3600_000;
const noon = Date.UTC(2026, 4, 1, 12);
const hourly: DueSchedule = {
  id: "01890a5d-ac96-774b-bcce-b302099a8057",
  cron: "0 * * * *",
  timeZone: "UTC",
  spreadMinutes: 0,
  catchUp: "once",
};

test("a fire is due at its minute and not a millisecond earlier", () => {
  expect(decideFire(hourly, noon - HOUR_MS, noon - 1)).toEqual({
    fireMs: null,
    watermarkMs: noon - HOUR_MS,
    missed: 0,
    nextAtMs: noon,
  });
  expect(decideFire(hourly, noon - HOUR_MS, noon)).toEqual({
    fireMs: noon,
    watermarkMs: noon,
    missed: 0,
    nextAtMs: noon + HOUR_MS,
  });
});

test("what has fired does not fire again", () => {
  expect(decideFire(hourly, noon, noon + 1).fireMs).toBeNull();
});

test("after ten hours of sleep one fire runs, the newest, and nine are missed", () => {
  expect(decideFire(hourly, noon - 10 * HOUR_MS, noon + 5)).toEqual({
    fireMs: noon,
    watermarkMs: noon,
    missed: 9,
    nextAtMs: noon + HOUR_MS,
  });
});

test("a schedule that skips runs nothing that is more than a minute late, and counts it as missed", () => {
  const skipping = { ...hourly, catchUp: "skip" } as const;
  expect(decideFire(skipping, noon - HOUR_MS, noon + 60_000).fireMs).toBe(noon);
  expect(decideFire(skipping, noon - 2 * HOUR_MS, noon + 60_001)).toEqual({
    fireMs: null,
    watermarkMs: noon,
    missed: 2,
    nextAtMs: noon + HOUR_MS,
  });
});

test("the spread moves the moment and not the nominal time", () => {
  const spread = { ...hourly, spreadMinutes: 30 };
  const moment = noon + spreadMs(spread.id, 30);
  expect(decideFire(spread, noon - HOUR_MS, moment - 1)).toMatchObject({ fireMs: null, nextAtMs: moment });
  expect(decideFire(spread, noon - HOUR_MS, moment)).toMatchObject({ fireMs: noon, nextAtMs: moment + HOUR_MS });
});

test("a spread longer than the interval still fires every time", () => {
  const spread = { ...hourly, spreadMinutes: 1440 };
  let watermarkMs = noon;
  const fired: number[] = [];
  for (let nowMs = noon; nowMs < noon + 2 * DAY_MS; nowMs += 60_000) {
    const decision = decideFire(spread, watermarkMs, nowMs);
    watermarkMs = decision.watermarkMs;
    expect(decision.missed).toBe(0);
    if (decision.fireMs !== null) fired.push(decision.fireMs);
  }
  expect(fired).toEqual(fired.map((_, index) => noon + (index + 1) * HOUR_MS));
  expect(fired.length).toBeGreaterThanOrEqual(24);
});

test("a clock that steps back fires nothing twice; a watermark from another day is put right", () => {
  expect(decideFire(hourly, noon, noon - 5 * HOUR_MS)).toEqual({
    fireMs: null,
    watermarkMs: noon,
    missed: 0,
    nextAtMs: noon + HOUR_MS,
  });
  const wrong = noon + DAY_MS + 1;
  expect(decideFire(hourly, wrong, noon)).toEqual({
    fireMs: null,
    watermarkMs: noon,
    missed: 0,
    nextAtMs: noon + HOUR_MS,
  });
});

test("years of downtime at a fire a minute are settled at once", () => {
  const minutely = { ...hourly, cron: "* * * * *" };
  expect(decideFire(minutely, noon - 3000 * DAY_MS, noon + 1)).toMatchObject({ fireMs: noon, missed: MAX_MISSED });
});

test("the decision is that of a walk over every fire, whatever the cron and the downtime", () => {
  const cron = fc.constantFrom("* * * * *", "*/7 3 * * *", "0 * 1 * *", "30 2 * * *", "15 9-17 * * 1-5", "0 0 29 2 *");
  const zone = fc.constantFrom("UTC", "Europe/Berlin", "America/St_Johns");
  const downMs = fc.oneof(fc.integer({ min: 0, max: HOUR_MS }), fc.integer({ min: 0, max: 3 * DAY_MS }));
  const start = fc.integer({ min: Date.UTC(2026, 9, 1), max: Date.UTC(2026, 10, 5) });
  fc.assert(
    fc.property(cron, zone, start, downMs, fc.integer({ min: 0, max: 60 }), (cron, timeZone, from, down, minutes) => {
      const schedule = { ...hourly, cron, timeZone, spreadMinutes: minutes };
      const lateMs = spreadMs(schedule.id, minutes);
      const nowMs = from + down;
      const due: number[] = [];
      let next = nextFire(schedule, from);
      for (; next !== null && next + lateMs <= nowMs; next = nextFire(schedule, next)) due.push(next);
      expect(decideFire(schedule, from, nowMs)).toEqual({
        fireMs: due.at(-1) ?? null,
        watermarkMs: due.at(-1) ?? from,
        missed: Math.min(Math.max(due.length - 1, 0), MAX_MISSED),
        nextAtMs: next === null ? null : next + lateMs,
      });
    }),
    { numRuns: 100 },
  );
});
