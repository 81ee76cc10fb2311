import { DAY_MS } from "./day.ts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { clockChanges, MINUTE_MS, oracleFires, wallsOf } from "../../tests/support/fire-oracle.ts";
import { nextFire } from "./next-fire.ts";

const HARD_ZONES = [
  "Africa/Cairo",
  "Africa/Casablanca",
  "Africa/El_Aaiun",
  "Africa/Juba",
  "Africa/Khartoum",
  "Africa/Sao_Tome",
  "Africa/Tripoli",
  "America/Asuncion",
  "America/Caracas",
  "America/Coyhaique",
  "America/Godthab",
  "America/Havana",
  "America/Miquelon",
  "America/New_York",
  "America/Nuuk",
  "America/Punta_Arenas",
  "America/Santiago",
  "America/Sao_Paulo",
  "America/Scoresbysund",
  "America/St_Johns",
  "Antarctica/Casey",
  "Antarctica/Macquarie",
  "Antarctica/Troll",
  "Asia/Amman",
  "Asia/Beirut",
  "Asia/Damascus",
  "Asia/Gaza",
  "Asia/Hebron",
  "Asia/Jerusalem",
  "Asia/Pyongyang",
  "Asia/Qostanay",
  "Asia/Tehran",
  "Atlantic/Azores",
  "Australia/Adelaide",
  "Australia/Lord_Howe",
  "Europe/Berlin",
  "Europe/Dublin",
  "Europe/Istanbul",
  "Europe/Volgograd",
  "Pacific/Apia",
  "Pacific/Auckland",
  "Pacific/Chatham",
  "Pacific/Easter",
  "Pacific/Norfolk",
  "Pacific/Tongatapu",
];

const changes = HARD_ZONES.map((zone) => ({
  zone,
  atMs: clockChanges(zone, Date.UTC(2008, 0, 1), Date.UTC(2038, 0, 1), 7 * DAY_MS).map(({ atMs }) => atMs),
}));
const aChange = fc
  .constantFrom(...changes)
  .chain(({ zone, atMs }) => fc.record({ zone: fc.constant(zone), changeMs: fc.constantFrom(...atMs) }));

/** A field as people write it: a star, a step, a value, a list, a range, a range with a step. */
function field(min: number, max: number) {
  const value = fc.integer({ min, max });
  const range = fc.tuple(value, value).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`);
  const step = fc.integer({ min: 1, max: max - min + 1 });
  const item = fc.oneof(
    value.map(String),
    range,
    fc.tuple(range, step).map(([r, s]) => `${r}/${s}`),
  );
  return fc.oneof(
    fc.constant("*"),
    step.map((s) => `*/${s}`),
    fc.array(item, { minLength: 1, maxLength: 3 }).map((items) => items.join(",")),
  );
}
// Changes come at night: small hours come often.
const hour = fc.oneof(field(0, 23), field(0, 4));
const cronText = fc
  .tuple(
    field(0, 59),
    hour,
    fc.oneof(fc.constant("*"), field(1, 28)),
    fc.constant("*"),
    fc.oneof(fc.constant("*"), field(0, 6)),
  )
  .map((fields) => fields.join(" "));

test("around a change of the clock the fires are those of the oracle, rising, at most one a minute", () => {
  fc.assert(
    fc.property(aChange, cronText, ({ zone, changeMs }, cron) => {
      const timing = { cron, timeZone: zone };
      const [fromMs, toMs] = [changeMs - DAY_MS / 4, changeMs + DAY_MS];
      const fires: number[] = [];
      // The chain of fires, each asked for by the one before, as a scheduler asks.
      for (let at = nextFire(timing, fromMs - 1); at !== null && at < toMs; at = nextFire(timing, at)) {
        if (fires.length > 0) expect(at - fires.at(-1)!).toBeGreaterThanOrEqual(MINUTE_MS);
        fires.push(at);
      }
      const expected = oracleFires(cron, wallsOf(zone, changeMs - DAY_MS - 60 * MINUTE_MS, toMs)).filter(
        (at) => at >= fromMs,
      );
      expect(fires.map(readable)).toEqual(expected.map(readable));
    }),
    { numRuns: 200 },
  );
});

test("every instant between two fires has the second as its next, however far apart they are", () => {
  const anInstant = fc.integer({ min: Date.UTC(2008, 0, 1), max: Date.UTC(2037, 0, 1) });
  const share = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
  const rare = fc.tuple(field(0, 59), hour, field(1, 29), field(1, 12)).map((fields) => `${fields.join(" ")} *`);
  fc.assert(
    fc.property(fc.constantFrom(...HARD_ZONES), rare, anInstant, share, (timeZone, cron, afterMs, part) => {
      const timing = { cron, timeZone };
      const fireMs = nextFire(timing, afterMs);
      fc.pre(fireMs !== null);
      expect(fireMs).toBeGreaterThan(afterMs);
      expect(nextFire(timing, afterMs + Math.floor((fireMs! - afterMs) * part))).toBe(fireMs);
      expect(nextFire(timing, fireMs! - 1)).toBe(fireMs);
    }),
    { numRuns: 300 },
  );
});

function readable(atMs: number): string {
  return new Date(atMs).toISOString();
}
