import { expect, test } from "vitest";
import { stepRate, type Rate } from "./rate.ts";

const after = (...measures: [bytes: number, atMs: number][]) =>
  measures.reduce<Rate | null>((rate, [bytes, atMs]) => stepRate(rate, bytes, atMs), null)!;

test("a steady stream shows its rate", () => {
  expect(after([0, 0], [1000, 1000], [2000, 2000], [3000, 3000])).toMatchObject({
    bytesPerSecond: 1000,
    recent: [1000, 1000, 1000],
  });
});

test("a repeat changes nothing and falling bytes start over", () => {
  expect(after([0, 0], [1000, 1000], [1000, 1000]).recent).toHaveLength(1);
  expect(after([0, 0], [1000, 1000], [10, 2000])).toMatchObject({ bytesPerSecond: 0, recent: [] });
});
