import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { constants, gzipSync } from "node:zlib";
import { build, type BuildOptions, type Metafile } from "esbuild";

/**
 * Builds the console into dist/ui: hashed files, each with a gzip beside it, and index.html that names them. What a page
 * imports with `import()` is a file of its own, loaded when it is first needed; the budget is for what every page loads.
 */

const FIRST_LOAD_BUDGET_BYTES = 60 * 1024;
const root = new URL("..", import.meta.url).pathname;
const ui = join(root, "ui");
const outdir = join(root, "dist/ui");

await rm(outdir, { recursive: true, force: true });
await mkdir(outdir, { recursive: true });

const shared: BuildOptions = {
  bundle: true,
  minify: true,
  target: ["chrome120", "firefox121", "safari17.5"],
  outdir,
  publicPath: "/",
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  loader: { ".svg": "file" },
  write: false,
  logLevel: "warning",
  // Only its router: the whole package carries a prerenderer that a browser never runs.
  alias: { "preact-iso": "preact-iso/router" },
};

const [main, ...others] = await Promise.all([
  build({ ...shared, metafile: true, format: "esm", splitting: true, entryPoints: [join(ui, "main.ts")] }),
  // Runs before the first paint, so it is a plain script of its own.
  build({ ...shared, format: "iife", entryPoints: [join(ui, "theme-first.ts")] }),
  build({ ...shared, entryPoints: [join(ui, "static/styles.css")] }),
  build({ ...shared, entryPoints: [join(ui, "static/favicon.svg")] }),
]);
const files = new Map(
  [main, ...others].flatMap((result) => result.outputFiles ?? []).map((file) => [basename(file.path), file.contents]),
);

/** The built file of that stem, as an address. */
function address(stem: string, extension: string): string {
  const name = [...files.keys()].find((file) => file.startsWith(`${stem}-`) && file.endsWith(extension));
  if (name === undefined) throw new Error(`the build made no ${stem}${extension}`);
  return `/${name}`;
}

/** Names of the scripts that run before anything is shown: the entry and what it imports, and so on. */
function firstScripts({ outputs }: Metafile): string[] {
  const found = new Set<string>();
  const follow = (path: string) => {
    if (found.has(path)) return;
    found.add(path);
    for (const each of outputs[path]?.imports ?? []) if (each.kind === "import-statement") follow(each.path);
  };
  const entry = Object.keys(outputs).find((path) => outputs[path]?.entryPoint?.endsWith("ui/main.ts"));
  if (entry === undefined) throw new Error("the build made no main script");
  follow(entry);
  return [...found].map((path) => basename(path));
}

const first = firstScripts(main.metafile!);
const addresses: Record<string, string> = {
  icon: address("favicon", ".svg"),
  first: address("theme-first", ".js"),
  styles: address("styles", ".css"),
  main: `/${first[0]}`,
  // So that they come together with the entry, not after it.
  preloads: first
    .slice(1)
    .map((name) => `<link rel="modulepreload" href="/${name}" />`)
    .join("\n    "),
};
const page = (await readFile(join(ui, "index.html"), "utf8")).replace(
  /\{(\w+)\}/g,
  (_, name: string) => addresses[name]!,
);
files.set("index.html", new TextEncoder().encode(page));

let firstBytes = 0;
let allBytes = 0;
const isFirst = (name: string) => first.includes(name) || `/${name}` === addresses["first"];
for (const [name, contents] of [...files].sort()) {
  // esbuild wraps a lone asset in a module that nobody loads.
  if (/^favicon-.*\.js$/.test(name)) continue;
  const packed = gzipSync(contents, { level: constants.Z_BEST_COMPRESSION });
  await writeFile(join(outdir, name), contents);
  await writeFile(join(outdir, `${name}.gz`), packed);
  if (name.endsWith(".js")) allBytes += packed.length;
  if (isFirst(name)) firstBytes += packed.length;
  console.log(
    `${name.padEnd(32)} ${String(contents.length).padStart(7)} bytes, ${String(packed.length).padStart(6)} gzip${isFirst(name) ? ", first load" : ""}`,
  );
}
console.log(
  `JavaScript: ${firstBytes} bytes gzip at first load of ${FIRST_LOAD_BUDGET_BYTES} allowed, ${allBytes} with every page`,
);
if (firstBytes > FIRST_LOAD_BUDGET_BYTES) {
  console.error("The console is over its budget: find what grew, or load it with the page that needs it.");
  process.exitCode = 1;
}
