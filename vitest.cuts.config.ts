import { defineConfig } from "vitest/config";

/** What must survive kill -9, cut lines and evictions. `npm run test:cuts -- --repeat 20` repeats them. */
export default defineConfig({
  test: {
    include: ["tests/cuts/**/*.test.ts"],
    globalSetup: ["tests/support/built-product.ts"],
    // One file a runtime, and they mostly wait.
    maxWorkers: 2,
    testTimeout: 300_000,
    hookTimeout: 180_000,
  },
});
