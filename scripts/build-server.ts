import { cpSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { builtinModules } from "node:module";
import { build, type Plugin } from "esbuild";
import { root } from "./steps.ts";

/**
 * The self-hosted server as a folder that runs wherever Node does: dist/server/main.js, the migrations, and the one
 * package with a native part beside it. Console and agent are dist/ui and dist/agent.
 */
const out = join(root, "dist/server");

/**
 * Node's own modules by `require`: an `import` of node:http reads each of its exports at once, and some of them load
 * the whole of Node's fetch, a fifth of the time the server takes to start.
 */
const lazyBuiltins: Plugin = {
  name: "lazy-builtins",
  setup(plugin) {
    const names = builtinModules.join("|");
    plugin.onResolve({ filter: new RegExp(`^(node:.+|${names})$`) }, ({ path, kind }) =>
      kind === "import-statement" ? { path, namespace: "builtin" } : null,
    );
    plugin.onLoad({ filter: /./, namespace: "builtin" }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)});`,
    }));
  },
};

rmSync(out, { recursive: true, force: true });
await build({
  entryPoints: [join(root, "selfhost/main.ts"), join(root, "selfhost/healthcheck.ts")],
  outdir: out,
  bundle: true,
  // main.js is small: it loads the rest once it can take it from the compile cache.
  splitting: true,
  platform: "node",
  target: "node22",
  format: "esm",
  external: ["better-sqlite3"],
  plugins: [lazyBuiltins],
  // Starting is mostly parsing: no comments or blanks, and of hash-wasm only the algorithm in use. Names stay, for traces.
  minifyWhitespace: true,
  minifySyntax: true,
  alias: { "hash-wasm": "hash-wasm/dist/argon2.umd.min.js" },
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
const scripts = readdirSync(out).filter((name) => name.endsWith(".js"));
const bytes = scripts.reduce((sum, name) => sum + statSync(join(out, name)).size, 0);
console.log(`dist/server: ${Math.round(bytes / 1024)} KiB of scripts`);
