/** Deploying to Cloudflare, decided from what wrangler answers; wrangler itself is an argument. */
export interface Wrangler {
  /** Runs `wrangler ...args` and answers what it printed. */
  (args: readonly string[]): Promise<{ ok: boolean; output: string }>;
}

export interface DeploymentFiles {
  /** Text of wrangler.toml. */
  config: string;
  /** Keeps the config that carries the database's id; answers its path. */
  saveConfig(text: string): string;
  /** Keeps the server's key where the operator finds it again (made on the first call), and writes a file of secrets
   * for wrangler with it; answers both paths. */
  saveSecrets(): { keyPath: string; secretsPath: string };
}

/** A sentence for the operator; nothing after it was done. */
export class DeploymentStopped extends Error {}

/**
 * Creates what is missing and deploys. Repeating it changes nothing that is there: the database keeps its rows, the
 * Worker keeps its key. The key is set only where wrangler says for certain that there is none: a second key would make
 * every stored secret unreadable.
 */
export async function deployWorker(wrangler: Wrangler, files: DeploymentFiles, say: (text: string) => void) {
  const name = setting(files.config, "database_name");
  const worker = setting(files.config, "name");
  const id = (await databaseId(wrangler, name)) ?? (await createDatabase(wrangler, name, say));
  const config = files.saveConfig(withDatabaseId(files.config, id));

  say("Applying the migrations");
  await must(wrangler, ["d1", "migrations", "apply", "DB", "--remote", "--config", config]);

  const deploy = ["deploy", "--config", config];
  if (await hasKey(wrangler, config)) {
    say(`The Worker ${worker} holds its secret key already`);
  } else {
    const { keyPath, secretsPath } = files.saveSecrets();
    say(`The server's secret key is ${keyPath}: keep a copy away from Cloudflare. Without it no stored secret opens.`);
    deploy.push("--secrets-file", secretsPath);
  }
  say("Deploying");
  say(await must(wrangler, deploy));
}

async function databaseId(wrangler: Wrangler, name: string): Promise<string | null> {
  const listed = parseJson(await must(wrangler, ["d1", "list", "--json"]));
  if (!Array.isArray(listed)) throw new DeploymentStopped("wrangler d1 list --json printed no list.");
  const found = (listed as { name?: string; uuid?: string }[]).find((database) => database.name === name);
  return found?.uuid ?? null;
}

async function createDatabase(wrangler: Wrangler, name: string, say: (text: string) => void): Promise<string> {
  say(`Creating the database ${name}`);
  await must(wrangler, ["d1", "create", name]);
  const id = await databaseId(wrangler, name);
  if (id === null) throw new DeploymentStopped(`The database ${name} was created, but is not listed yet. Try again.`);
  return id;
}

async function hasKey(wrangler: Wrangler, config: string): Promise<boolean> {
  const listed = await wrangler(["secret", "list", "--format", "json", "--config", config]);
  if (!listed.ok) {
    if (/Worker ".*" not found/.test(listed.output)) return false;
    throw new DeploymentStopped(`wrangler could not say which secrets the Worker holds:\n${listed.output}`);
  }
  const secrets = parseJson(listed.output);
  if (!Array.isArray(secrets)) throw new DeploymentStopped("wrangler secret list printed no list.");
  return (secrets as { name?: string }[]).some((secret) => secret.name === "RM_SECRET_KEY");
}

async function must(wrangler: Wrangler, args: readonly string[]): Promise<string> {
  const run = await wrangler(args);
  if (!run.ok) throw new DeploymentStopped(`wrangler ${args.slice(0, 2).join(" ")} failed:\n${run.output}`);
  return run.output;
}

function setting(config: string, key: string): string {
  const found = new RegExp(`^\\s*${key}\\s*=\\s*"([^"]+)"`, "m").exec(config)?.[1];
  if (found === undefined) throw new DeploymentStopped(`wrangler.toml has no ${key}.`);
  return found;
}

function withDatabaseId(config: string, id: string): string {
  const line = `database_id = "${id}"`;
  const replaced = config.replace(/^database_id\s*=.*$/m, line);
  return replaced.includes(line) ? replaced : config.replace(/^(database_name\s*=.*)$/m, `$1\n${line}`);
}

/** The JSON value in a program's output, which may say more before it. */
function parseJson(output: string): unknown {
  const from = output.search(/^[[{]/m);
  try {
    return from < 0 ? null : JSON.parse(output.slice(from));
  } catch {
    return null;
  }
}
