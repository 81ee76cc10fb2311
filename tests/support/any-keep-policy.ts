import fc from "fast-check";
import * as v from "valibot";
import { keepPolicySchema, type KeepPolicy } from "../../protocol/schedule.ts";

const small = fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined });
const part = (unit: string, max: number) =>
  fc
    .option(fc.integer({ min: 1, max }), { nil: undefined })
    .map((count) => (count === undefined ? "" : `${count}${unit}`));
const within = fc
  .tuple(part("y", 8), part("m", 14), part("d", 70), part("h", 60))
  .map((parts) => parts.join("") || undefined);

/** Any policy that a schedule may have, with the tags given or none. */
export function anyKeepPolicy(tags: readonly string[]): fc.Arbitrary<KeepPolicy> {
  return fc
    .record({
      last: small,
      hourly: small,
      daily: small,
      weekly: small,
      monthly: small,
      yearly: small,
      within: fc.option(within, { nil: undefined, freq: 1 }),
      tags: fc.option(fc.subarray([...tags]), { nil: undefined, freq: 1 }),
    })
    .map((keep) => Object.fromEntries(Object.entries(keep).filter(([, rule]) => rule !== undefined)))
    .filter((keep): keep is KeepPolicy => v.is(keepPolicySchema, keep));
}
