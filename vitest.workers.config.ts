import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

/** What must hold in workerd itself; offline, with no account. */
export default defineConfig({
  plugins: [
    cloudflareTest({
      main: "./tests/workers/worker.ts",
      miniflare: {
        compatibilityDate: "2026-10-01",
        modulesRules: [{ type: "CompiledWasm", include: ["**/*.wasm"] }],
        d1Databases: ["DB"],
        bindings: { TEST_MIGRATIONS: await readD1Migrations("./migrations") },
        durableObjects: {
          HOST_RELAY: { className: "TestHostRelay", useSQLite: true },
          PENDING_RELAY: { className: "TestPendingRelay", useSQLite: true },
          FLEET_FEED: { className: "TestFleetFeed", useSQLite: true },
        },
      },
    }),
  ],
  test: { include: ["tests/workers/**/*.test.ts"], testTimeout: 30_000 },
});
