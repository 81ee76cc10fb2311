import { expect, test } from "vitest";
import { deployWorker, type DeploymentFiles, type Wrangler } from "./worker-deployment.ts";

const config = `name = "restic-manager"\n[[d1_databases]]\nbinding = "DB"\ndatabase_name = "rm"\ndatabase_id = "local"\n`;

/** An account at Cloudflare, as far as wrangler shows it. */
function account(secretList: { ok: boolean; output: string }) {
  const databases: { name: string; uuid: string }[] = [];
  const asked: string[] = [];
  const saved: string[] = [];
  const wrangler: Wrangler = async (args) => {
    asked.push(args.join(" "));
    if (args[1] === "list" && args[0] === "d1") return { ok: true, output: `note\n${JSON.stringify(databases)}` };
    if (args[1] === "create") databases.push({ name: args[2]!, uuid: "1234" });
    if (args[0] === "secret") return secretList;
    return { ok: true, output: "" };
  };
  const files: DeploymentFiles = {
    config,
    saveConfig: (text) => (saved.push(text), "deploy.toml"),
    saveSecrets: () => ({ keyPath: "key", secretsPath: "secrets.json" }),
  };
  return { wrangler, files, asked, saved, databases };
}

test("the first deployment creates the database, migrates it and brings the key", async () => {
  const to = account({ ok: false, output: 'Worker "restic-manager" not found.' });
  await deployWorker(to.wrangler, to.files, () => {});
  expect(to.databases).toEqual([{ name: "rm", uuid: "1234" }]);
  expect(to.saved).toEqual([config.replace("local", "1234")]);
  expect(to.asked.slice(-3)).toEqual([
    "d1 migrations apply DB --remote --config deploy.toml",
    "secret list --format json --config deploy.toml",
    "deploy --config deploy.toml --secrets-file secrets.json",
  ]);
});

test("a later deployment leaves database and key alone", async () => {
  const to = account({ ok: true, output: JSON.stringify([{ name: "RM_SECRET_KEY", type: "secret_text" }]) });
  to.databases.push({ name: "rm", uuid: "1234" });
  await deployWorker(to.wrangler, to.files, () => {});
  expect(to.asked.some((args) => args.startsWith("d1 create"))).toBe(false);
  expect(to.asked.at(-1)).toBe("deploy --config deploy.toml");
});

test("when the secrets cannot be listed, nothing is deployed: a second key would lose every stored secret", async () => {
  const to = account({ ok: false, output: "A request to the Cloudflare API failed." });
  await expect(deployWorker(to.wrangler, to.files, () => {})).rejects.toThrow(/could not say which secrets/);
  expect(to.asked.some((args) => args.startsWith("deploy"))).toBe(false);
});
