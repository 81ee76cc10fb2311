import { defineConfig } from "vitest/config";

/**
 * The agent as hosts get it: its files, its packages, booted systems, other processors and Windows. Not in `npm test`: it
 * takes root, what scripts/setup-packaging.sh installs, and `npm run build:agent` before.
 */
export default defineConfig({
  test: {
    include: ["tests/platforms/**/*.test.ts"],
    globalSetup: ["tests/support/built-product.ts"],
    maxWorkers: 1,
    testTimeout: 300_000,
    hookTimeout: 600_000,
  },
});
