import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root } from "./steps.ts";
import { deployWorker, DeploymentStopped, type Wrangler } from "./worker-deployment.ts";

/**
 * `npm run deploy:worker`: database, migrations, secret key, Worker; safe to repeat. Wrangler's own sign-in is used:
 * CLOUDFLARE_API_TOKEN (and CLOUDFLARE_ACCOUNT_ID), or `npx wrangler login` before.
 * `-- --dry-run` bundles the Worker, prints its size and touches nothing.
 */
const { values } = parseArgs({ options: { "dry-run": { type: "boolean", default: false } } });
const keyPath = process.env["RM_SECRET_KEY_FILE"] ?? join(root, "worker-secret.key");

const wrangler: Wrangler = async (args) => {
  const run = spawnSync(process.execPath, [join(root, "node_modules/wrangler/bin/wrangler.js"), ...args], {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, CI: "1", WRANGLER_SEND_METRICS: "false" },
    maxBuffer: 64 * 1024 * 1024,
  });
  return { ok: run.status === 0, output: run.status === 0 ? run.stdout : `${run.stdout}${run.stderr}` };
};

if (values["dry-run"]) {
  const run = await wrangler(["deploy", "--dry-run", "--outdir", "dist/worker"]);
  console.log(run.output);
  process.exitCode = run.ok ? 0 : 1;
} else {
  await deploy();
}

async function deploy(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "restic-manager-deploy-"));
  const files = {
    config: readFileSync(join(root, "wrangler.toml"), "utf8"),
    saveConfig(text: string) {
      const path = join(root, "wrangler.deploy.toml"); // beside wrangler.toml, whose paths are relative
      writeFileSync(path, text);
      return path;
    },
    saveSecrets() {
      if (!existsSync(keyPath)) {
        writeFileSync(keyPath, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600, flag: "wx" });
      }
      const secretsPath = join(folder, "secrets.json");
      const secrets = { RM_SECRET_KEY: readFileSync(keyPath, "utf8").trim() };
      writeFileSync(secretsPath, JSON.stringify(secrets), { mode: 0o600 });
      return { keyPath, secretsPath };
    },
  };
  try {
    await deployWorker(wrangler, files, (text) => console.log(text));
  } catch (error) {
    if (!(error instanceof DeploymentStopped)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
