import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { constants, gzipSync } from "node:zlib";
import { build, type BuildOptions } from "esbuild";

/** Builds the console into dist/ui: hashed files, each with a gzip beside it, and index.html that names them. */

const JS_BUDGET_BYTES = 60 * 1024;
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
  assetNames: "[name]-[hash]",
  loader: { ".svg": "file" },
  write: false,
  logLevel: "warning",
};

const built = await Promise.all([
  build({ ...shared, format: "esm", entryPoints: [join(ui, "main.ts")] }),
  // Runs before the first paint, so it is a plain script of its own.
  build({ ...shared, format: "iife", entryPoints: [join(ui, "theme-first.ts")] }),
  build({ ...shared, entryPoints: [join(ui, "static/styles.css")] }),
  build({ ...shared, entryPoints: [join(ui, "static/favicon.svg")] }),
]);
const files = new Map(
  built.flatMap((result) => result.outputFiles ?? []).map((file) => [basename(file.path), file.contents]),
);

/** The built file of that stem, as an address. */
function address(stem: string, extension: string): string {
  const name = [...files.keys()].find((file) => file.startsWith(`${stem}-`) && file.endsWith(extension));
  if (name === undefined) throw new Error(`the build made no ${stem}${extension}`);
  return `/${name}`;
}

const addresses: Record<string, string> = {
  icon: address("favicon", ".svg"),
  first: address("theme-first", ".js"),
  styles: address("styles", ".css"),
  main: address("main", ".js"),
};
const page = (await readFile(join(ui, "index.html"), "utf8")).replace(
  /\{(\w+)\}/g,
  (_, name: string) => addresses[name]!,
);
files.set("index.html", new TextEncoder().encode(page));

let jsBytes = 0;
for (const [name, contents] of [...files].sort()) {
  // esbuild wraps a lone asset in a module that nobody loads.
  if (/^favicon-.*\.js$/.test(name)) continue;
  const packed = gzipSync(contents, { level: constants.Z_BEST_COMPRESSION });
  await writeFile(join(outdir, name), contents);
  await writeFile(join(outdir, `${name}.gz`), packed);
  if (name.endsWith(".js")) jsBytes += packed.length;
  console.log(
    `${name.padEnd(32)} ${String(contents.length).padStart(7)} bytes, ${String(packed.length).padStart(6)} gzip`,
  );
}
console.log(`JavaScript: ${jsBytes} bytes gzip of ${JS_BUDGET_BYTES} allowed`);
if (jsBytes > JS_BUDGET_BYTES) {
  console.error("The console is over its budget: find what grew before raising it.");
  process.exitCode = 1;
}
