import fc from "fast-check";
import { expect, test } from "vitest";
import { cronFields, cronProblem, zoneProblem } from "./cron.ts";
import { wallMatcher } from "./wall-matcher.ts";

test.for([
  ["", /must not be empty; for every day at 13:30 write 30 13 \* \* \*/],
  ["nonsense", /needs five fields .* not 1; such as 30 13/],
  ["* * * *", /needs five fields .* not 4/],
  ["* * * * * *", /no field for seconds .* write five/],
  ["0 30 13 * * *", /no field for seconds/],
  ["0 0 1 1 * 2030 7", /no field for seconds or years/],
  ["@daily", /names such as @daily; write five fields, such as 0 0 \* \* \*/],
  ["@reboot", /write five fields/],
  ["61 * * * *", /minute \(61\): use 0 to 59/],
  ["0 24 * * *", /hour \(24\): use 0 to 23/],
  ["0 0 0 * *", /day \(0\): use 1 to 31/],
  ["0 0 1 13 *", /month \(13\): use 1 to 12 or JAN to DEC/],
  ["0 0 1 JANUARY *", /month \(JANUARY\)/],
  ["0 0 * * 8", /weekday \(8\): use 0 to 7 or SUN to SAT/],
  ["0 0 * * FRI-TUE", /runs backwards; write FRI-SAT,SUN-TUE/],
  ["0 22-2 * * *", /runs backwards; write 22-23,0-2/],
  ["5/10 * * * *", /a step needs a range; write 5-59\/10/],
  ["*/0 * * * *", /a step goes from 1 to 60/],
  ["*/61 * * * *", /a step goes from 1 to 60/],
  ["1,,2 * * * *", /minute \(\): use 0 to 59/],
  ["-1 * * * *", /minute \(-1\)/],
  ["1.5 * * * *", /minute \(1\.5\)/],
  ["0 0 L * *", /day \(L\): use 1 to 31/],
  ["0 0 ? * *", /day \(\?\)/],
  ["0 0 * * +MON", /weekday \(\+MON\)/],
  ["0 0 * * MON#2", /weekday \(MON#2\)/],
  ["0 0\n* * *", /needs five fields|hour/],
  ["0 0 30 2 *", /never fires: none of its months has such a day/],
  ["0 0 31 4,6,9,11 *", /never fires/],
  [`${"0,".repeat(200)}0 * * * *`, /at most 256 characters/],
] as const)("%j is refused with what to write instead", ([cron, message]) => {
  expect(cronProblem(cron)).toMatch(message);
});

test.for([
  "* * * * *",
  "30 13 * * *",
  "  30   13 * *\t* ",
  "0 0 * JAN,jul MON-FRI",
  "0 0 * * SAT-SUN",
  "0 0 * * 5-7",
  "0-59/5 */6 1-7 */2 0,6",
  "0 0 29 2 *",
  "0 0 31 4 MON",
])("%j is good", (cron) => {
  expect(cronProblem(cron)).toBeNull();
});

test("a star in front of the hour means real time, anything else fixed times", () => {
  const followsRealTime = (hour: string) => cronFields(`0 ${hour} * * *`).followsRealTime;
  expect(["*", "*/6"].map(followsRealTime)).toEqual([true, true]);
  expect(["2", "0-23", "0,6,12,18"].map(followsRealTime)).toEqual([false, false, false]);
});

test("a text of any kind is refused or understood, and what is understood matches as its fields say", () => {
  const part = fc.string({ unit: fc.constantFrom(..."0123456789*,-/"), minLength: 1, maxLength: 5 });
  const name = fc.constantFrom("*", "MON", "SUN-TUE", "jan", "2", "1-5", "*/3", "5-7");
  const cron = fc.tuple(part, part, part, fc.oneof(part, name), fc.oneof(part, name)).map((parts) => parts.join(" "));
  const anInstant = fc.integer({ min: 0, max: 4e12 });
  fc.assert(
    fc.property(fc.oneof(cron, fc.string({ maxLength: 40 })), anInstant, (text, fromMs) => {
      if (cronProblem(text) !== null) return;
      const { minute, hour, day, month, weekday } = cronFields(text);
      const atMs = wallMatcher(text).next(fromMs);
      expect(atMs).toBeGreaterThanOrEqual(fromMs);
      const wall = new Date(atMs!);
      expect(minute.values).toContain(wall.getUTCMinutes());
      expect(hour.values).toContain(wall.getUTCHours());
      expect(month.values).toContain(wall.getUTCMonth() + 1);
      const isDay = day.values.includes(wall.getUTCDate());
      const isWeekday = weekday.values.includes(wall.getUTCDay());
      expect(day.any || weekday.any ? isDay && isWeekday : isDay || isWeekday).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

test("a zone is an IANA name that the runtime knows", () => {
  for (const zone of ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "Australia/Lord_Howe"])
    expect(zoneProblem(zone), zone).toBeNull();
  for (const zone of ["", "Mars/Olympus", "+02:00", "Europe/Berlin ", "Europe", "../etc", "x".repeat(300)])
    expect(zoneProblem(zone), zone).toMatch(/use an IANA name, such as Europe\/Berlin/);
});
