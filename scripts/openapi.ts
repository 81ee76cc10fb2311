import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openApiOf } from "./openapi-document.ts";
import { root } from "./steps.ts";
import { ROUTES } from "../worker/routes/index.ts";
import { VERSION } from "../worker/version.ts";

/** `npm run openapi`: writes docs/openapi.json from the route table; `-- --check` only compares. */
const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } });
const path = join(root, "docs/openapi.json");
const text = `${JSON.stringify(openApiOf(ROUTES, VERSION), null, 2)}\n`;
if (!values.check) writeFileSync(path, text);
else if (!existsSync(path) || readFileSync(path, "utf8") !== text) {
  console.error("docs/openapi.json does not say what the routes say. Run: npm run openapi");
  process.exitCode = 1;
}
