import { defineConfig } from "vitest/config";

/** Against the built product, real restic, a real rest-server and real Chromium; one file at a time on two cores. */
export default defineConfig({
  test: {
    include: ["tests/e2e/**/*.test.ts"],
    globalSetup: ["tests/support/built-product.ts"],
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
