import { expect, test } from "vitest";
import { HOST_LOST_MS, START_NOT_AFTER_MS } from "../../protocol/limits.ts";
import { decideRefused, lookBackMs } from "./sweep.ts";

test("once an hour the pass looks as far back as a job can live", () => {
  const hourMs = 3600_000;
  const passes = Array.from({ length: 60 }, (_, minute) => lookBackMs(400 * hourMs + minute * 60_000 + 17));
  expect(passes.filter((ms) => ms > HOST_LOST_MS)).toHaveLength(1);
  expect(Math.min(...passes)).toBeGreaterThan(START_NOT_AFTER_MS);
});

test("a refused job is offered again until it may no longer start", () => {
  const refusal = { code: "host.locked", message: "locked", retry: false } as const;
  expect(decideRefused({ notAfterMs: 1000 }, refusal, 999)).toBe("offer-again");
  expect(decideRefused({ notAfterMs: 1000 }, refusal, 1000)).toBe(refusal);
});
