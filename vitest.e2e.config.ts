import { defineConfig } from "vitest/config";

/** Against the built product, real restic, a real rest-server and real Chromium; two files at a time, as most wait. */
export default defineConfig({
  test: {
    include: ["tests/e2e/**/*.test.ts"],
    globalSetup: ["tests/support/built-product.ts"],
    maxWorkers: 2,
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
