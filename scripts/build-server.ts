import { cpSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { root } from "./steps.ts";

/**
 * The self-hosted server as a folder that runs wherever Node does: dist/server/main.js, the migrations, and the one
 * package with a native part beside it. Console and agent are dist/ui and dist/agent.
 */
const out = join(root, "dist/server");
rmSync(out, { recursive: true, force: true });
await build({
  entryPoints: [join(root, "selfhost/main.ts"), join(root, "selfhost/healthcheck.ts")],
  outdir: out,
  bundle: true,
  platform: "node",
  target: "node22",
  format: "esm",
  external: ["better-sqlite3"],
  // CommonJS packages inside an ES module still ask for these
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  legalComments: "none",
  logLevel: "warning",
});
cpSync(join(root, "migrations"), join(out, "migrations"), { recursive: true });
for (const part of ["package.json", "LICENSE", "lib", "prebuilds/linux-x64.node", "prebuilds/linux-arm64.node"]) {
  cpSync(join(root, "node_modules/better-sqlite3", part), join(out, "node_modules/better-sqlite3", part), {
    recursive: true,
  });
}
console.log(`dist/server/main.js: ${Math.round(statSync(join(out, "main.js")).size / 1024)} KiB`);
