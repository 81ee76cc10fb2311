import fc from "fast-check";
import { expect, test } from "vitest";
import { cronProblem } from "./cron.ts";
import { cronInWords, presetCron, presetOf, PRESETS } from "./words.ts";

test.for([
  ["30 13 * * *", "Every day at 13:30"],
  ["0 6,18 * * *", "Every day at 06:00 and 18:00"],
  ["0 */5 * * *", "Every day at 00:00, 05:00, 10:00, 15:00 and 20:00"],
  ["0 6 * * 6", "Saturdays at 06:00"],
  ["0 6 * * 1,3,5", "Mondays, Wednesdays and Fridays at 06:00"],
  ["0 6 * * MON-THU", "Monday to Thursday at 06:00"],
  ["0 6 * * 1-5", "Weekdays at 06:00"],
  ["0 6 * * 0,6", "Weekends at 06:00"],
  ["0 6 * * SAT-SUN", "Weekends at 06:00"],
  ["0 6 * * 0-6", "Every day at 06:00"],
  ["* * * * *", "Every minute"],
  ["*/5 * * * *", "Every 5 minutes"],
  ["0,30 * * * *", "Every 30 minutes"],
  ["*/7 * * * *", "Every 7 minutes from each full hour on"],
  ["0 * * * *", "Every hour"],
  ["15 * * * *", "Every hour at :15"],
  ["15,45 * * * *", "Every hour at :15 and :45"],
  ["0 */6 * * *", "Every 6 hours"],
  ["30 */2 * * *", "Every 2 hours at :30"],
  ["0 */6 * * 6", "Every 6 hours on Saturdays"],
  ["* 3 * * *", "Every minute from 03:00 to 03:59"],
  ["*/10 9-17 * * 1-5", "Every 10 minutes from 09:00 to 17:50 on weekdays"],
  ["0 8-17 * * 1-5", "Every hour from 08:00 to 17:00 on weekdays"],
  ["0 3 1 * *", "On the 1st of each month at 03:00"],
  ["0 3 1,15 * *", "On the 1st and 15th of each month at 03:00"],
  ["0 3 2,3,11-13,21-23 * *", "On the 2nd, 3rd, 11th, 12th, 13th, 21st, 22nd and 23rd of each month at 03:00"],
  ["0 3 31 * *", "On the 31st of each month that has one at 03:00"],
  ["0 3 1-7 * *", "On the 1st to 7th of each month at 03:00"],
  ["0 3 */2 * *", "On odd days of each month at 03:00"],
  ["0 3 1 * 1", "On the 1st of each month and on Mondays at 03:00"],
  ["0 3 1 1 *", "On 1 January at 03:00"],
  ["0 3 1 1,7 *", "On the 1st of the month at 03:00 in January and July"],
  ["0 3 * 6-8 *", "Every day at 03:00, June to August"],
  ["0 3 * 2 *", "Every day at 03:00 in February"],
  ["17,19 1,4,7,9,11,13,15 * * *", "17,19 1,4,7,9,11,13,15 * * *"],
  ["nonsense", "nonsense"],
] as const)("%s is %j", ([cron, words]) => {
  expect(cronInWords(cron)).toBe(words);
});

test("any good cron has words", () => {
  const field = (min: number, max: number) =>
    fc.oneof(
      fc.constant("*"),
      fc.integer({ min: 1, max: max - min }).map((step) => `*/${step}`),
      fc.uniqueArray(fc.integer({ min, max }), { minLength: 1, maxLength: 12 }).map((values) => values.join(",")),
    );
  fc.assert(
    fc.property(fc.tuple(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6)), (fields) => {
      const words = cronInWords(fields.join(" "));
      expect(words).not.toMatch(/undefined|NaN|null| {2}|^ | $/);
      expect(words[0]).toBe(words[0]!.toUpperCase());
    }),
  );
});

test("each preset is a good cron that is known as that preset", () => {
  for (const { name, cron } of PRESETS) {
    expect(cronProblem(cron)).toBeNull();
    expect(presetOf(cron)).toBe(name);
  }
});

test("a preset is known by its shape, whatever its time", () => {
  expect(presetOf("15 * * * *")).toBe("hourly");
  expect(presetOf("5 4 * * *")).toBe("daily");
  expect(presetOf("5 4 * * MON-FRI")).toBe("weekdays");
  expect(presetOf("5 4 * * SUN")).toBe("weekly");
  expect(presetOf("5 4 28 * *")).toBe("monthly");
  for (const cron of ["5 4,5 * * *", "*/5 * * * *", "0 3 1 1 *", "0 3 1 * 1", "0 3 * * 1,2", "nonsense"])
    expect(presetOf(cron), cron).toBeNull();
});

test("choosing a preset keeps the time of day that was set", () => {
  expect(presetCron("weekly", "5 4 * * *")).toBe("5 4 * * 6");
  expect(presetCron("hourly", "5 4 * * *")).toBe("5 * * * *");
  expect(presetCron("daily", "20 */6 * * *")).toBe("20 13 * * *");
  expect(presetCron("daily", "nonsense")).toBe("30 13 * * *");
});
