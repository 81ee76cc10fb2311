import { defineConfig } from "vitest/config";

/** Packages in a throw-away Debian root: needs root and what scripts/setup-packaging.sh installs. */
export default defineConfig({
  test: {
    include: ["tests/packages/**/*.test.ts"],
    maxWorkers: 1,
    testTimeout: 300_000,
    hookTimeout: 600_000,
  },
});
