import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: [
      "{protocol,core,worker,durable-objects,selfhost,agent,ui,scripts}/**/*.test.ts",
      "tests/contract/**/*.test.ts",
    ],
    exclude: ["tests/workers/**", "tests/e2e/**", "tests/cuts/**"],
    maxWorkers: 2,
    // files of one worker share loaded modules: a third of the time; no test may keep state in a module
    isolate: false,
    // generous, because a loaded machine is not a failure
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
