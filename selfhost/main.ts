// oxlint-disable-next-line import/no-unassigned-import -- it must run before what needs a newer Node is loaded
import "./node-version.ts";
import { existsSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { join } from "node:path";

/**
 * The entry: from source (selfhost/main.ts) and as dist/server/main.js. A start is mostly compiling, so what was
 * compiled is kept for the next one (nodejs.org/api/module.html, "Module compile cache"): in the data directory, which
 * is this user's alone, for whoever can write there can run code here. Before the first start there is none, and nothing
 * is lost.
 */

// Databases, copies and lock are for this user alone, whatever the shell's umask says.
process.umask(0o077);
const dataDir = process.env["RM_DATA_DIR"] || "./data";
if (existsSync(dataDir)) enableCompileCache(join(dataDir, "compile-cache"));
await import("./start.ts");
