import { defineConfig } from "vitest/config";

/** What must survive kill -9, cut lines and evictions. `npm run test:cuts -- --repeat 20` repeats them. */
export default defineConfig({
  test: {
    include: ["tests/cuts/**/*.test.ts"],
    globalSetup: ["tests/support/built-product.ts"],
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 180_000,
  },
});
