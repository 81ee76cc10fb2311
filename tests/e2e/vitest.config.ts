import { defineConfig } from "vitest/config";

/** Whole programs against each other: real restic, real rest-server, a real browser. One file at a time. */
export default defineConfig({
  test: {
    root: new URL("../..", import.meta.url).pathname,
    include: ["tests/e2e/**/*.test.ts", "tests/support/**/*.test.ts"],
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
