import { defineConfig } from "vitest/config";

/** The agent's files as hosts get them: run `npm run build:agent` before. Not in `npm test`: the build takes a minute. */
export default defineConfig({
  test: {
    include: ["tests/platforms/**/*.test.ts"],
    globalSetup: ["tests/support/built-product.ts"],
    maxWorkers: 2,
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
