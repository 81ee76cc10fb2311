import { expect, test } from "vitest";
import { RelayModel } from "./relay-model.ts";

/** RM_PROPERTY_RUNS makes it longer, RM_PROPERTY_SEED begins elsewhere: the seed of a failure runs it again. */
const runs = Number(process.env["RM_PROPERTY_RUNS"] ?? 60);
const firstSeed = Number(process.env["RM_PROPERTY_SEED"] ?? 1);

test(
  "whatever is lost, late, repeated or dies, no record and no verdict is lost or doubled",
  { timeout: 0 },
  async () => {
    for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
      const failure = await oneHistory(seed);
      expect(failure, `seed ${seed}`).toBeNull();
    }
  },
);

async function oneHistory(seed: number): Promise<string | null> {
  const model = new RelayModel(seed);
  let step = 0;
  try {
    const steps = 250 + model.dice.below(400);
    for (; step < steps; step++) {
      await model.step();
      if (step % 8 === 0) model.check();
    }
    await model.heal();
    return null;
  } catch (error) {
    return `at step ${step}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  } finally {
    model.db.close();
  }
}
