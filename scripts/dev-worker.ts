import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./steps.ts";

/**
 * `npm run dev:worker`: the product in local workerd (D1, Durable Objects, assets) on loopback; what follows `--` goes
 * to `wrangler dev`, for example `-- --port 8788`. State lives in .wrangler/, the local secret key in .dev.vars.
 */
const wrangler = join(root, "node_modules/wrangler/bin/wrangler.js");
const env = { ...process.env, CI: "1", WRANGLER_SEND_METRICS: "false", CLOUDFLARE_CF_FETCH_ENABLED: "false" };

const vars = join(root, ".dev.vars");
if (!existsSync(vars)) {
  writeFileSync(vars, `RM_SECRET_KEY=${randomBytes(32).toString("base64url")}\n`, { mode: 0o600 });
}

const migrated = spawnSync(process.execPath, [wrangler, "d1", "migrations", "apply", "DB", "--local"], {
  cwd: root,
  env,
  stdio: "inherit",
});
if (migrated.status !== 0) process.exit(1);

const child = spawn(process.execPath, [wrangler, "dev", "--ip", "127.0.0.1", ...process.argv.slice(2)], {
  cwd: root,
  env,
  stdio: "inherit",
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
child.on("exit", (code) => process.exit(code ?? 1));
