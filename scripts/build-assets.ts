import { copyFileSync, cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HASHED_NAME, IMMUTABLE, PAGE_HEADERS } from "../worker/headers.ts";
import { root } from "./steps.ts";

/**
 * Puts the installer beside the agent (dist/agent), and makes what the Worker serves as assets, dist/assets: the console
 * (dist/ui), what hosts download (under /_agent/, read by the Worker) and `_headers`, so that both runtimes send the same
 * list. Runs after the console and the agent are built.
 */
const out = join(root, "dist/assets");
rmSync(out, { recursive: true, force: true });
cpSync(join(root, "dist/ui"), out, { recursive: true, filter: (path) => !path.endsWith(".gz") });
copyFileSync(join(root, "scripts/install.sh"), join(root, "dist/agent/install.sh"));
// by name: the agent's files with Node inside (npm run build:agent) are larger than an asset may be, 25 MiB
mkdirSync(join(out, "_agent"));
for (const name of ["install.sh", "restic-manager-agent.cjs"])
  copyFileSync(join(root, "dist/agent", name), join(out, "_agent", name));

const lines = (headers: Readonly<Record<string, string>>) =>
  Object.entries(headers).map(([name, value]) => `  ${name}: ${value}\n`);
const hashed = readdirSync(out, { recursive: true, encoding: "utf8" })
  .map((path) => `/${path}`)
  .filter((path) => HASHED_NAME.test(path));
writeFileSync(
  join(out, "_headers"),
  [
    "/*\n",
    ...lines(PAGE_HEADERS),
    ...hashed.flatMap((path) => [`${path}\n`, ...lines({ "cache-control": IMMUTABLE })]),
  ].join(""),
);
