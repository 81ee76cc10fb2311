import { expect, test } from "vitest";
import { nextFires } from "../../core/schedule/next-fire.ts";
import { clockChanges, oracleFires, wallsOf } from "../support/fire-oracle.ts";

const HOUR_MS = 3600_000;

test("workerd knows the zones and their clocks: fires around a change are those of the oracle", () => {
  for (const timeZone of ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Antarctica/Troll"])
    for (const { atMs } of clockChanges(timeZone, Date.UTC(2026, 0, 1), Date.UTC(2027, 0, 1), 24 * HOUR_MS))
      for (const cron of ["30 * * * *", "15 2 * * *", "0 1-3 * * *"]) {
        const [fromMs, toMs] = [atMs - 3 * HOUR_MS, atMs + 6 * HOUR_MS];
        const expected = oracleFires(cron, wallsOf(timeZone, fromMs - 6 * HOUR_MS, toMs)).filter((at) => at >= fromMs);
        const fires = nextFires({ cron, timeZone }, fromMs - 1, 20).filter((at) => at < toMs);
        expect({ timeZone, atMs, cron, fires }).toEqual({ timeZone, atMs, cron, fires: expected });
      }
});
