import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: [
      "{protocol,core,worker,durable-objects,selfhost,agent,ui,scripts}/**/*.test.ts",
      "tests/contract/**/*.test.ts",
    ],
    exclude: ["tests/workers/**", "tests/e2e/**", "tests/cuts/**"],
    maxWorkers: 2,
    // generous, because a loaded machine is not a failure
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
