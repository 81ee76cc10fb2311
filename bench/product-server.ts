import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Database from "better-sqlite3";
import { consoleApi, type ConsoleApi } from "../scripts/console-api.ts";
import { freePort } from "../tests/support/ports.ts";
import { startChild, type Child } from "./child.ts";
import type { SimulatedHost } from "./fleet.ts";

const main = fileURLToPath(new URL("../dist/server/main.js", import.meta.url));

export interface ProductServer {
  child: Child;
  origin: string;
  api: ConsoleApi;
  databaseFile: string;
  /** The same data, a new process on a new port. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * The built self-hosted server with `hosts` in its database, each with one repository, and a signed-in admin. `fill`
 * writes more rows before it starts.
 */
export async function startProductServer(
  hosts: readonly SimulatedHost[],
  fill: (db: Database.Database) => void = () => {},
): Promise<ProductServer> {
  const folder = mkdtempSync(join(tmpdir(), "restic-manager-bench-"));
  const keyFile = join(folder, "secret.key");
  writeFileSync(keyFile, randomBytes(32).toString("base64url"), { mode: 0o600 });
  const start = async () => {
    const port = await freePort();
    const origin = `http://127.0.0.1:${port}`;
    const env = { RM_DATA_DIR: join(folder, "data"), RM_SECRET_KEY_FILE: keyFile, RM_LISTEN: `127.0.0.1:${port}` };
    const child = await startChild([main], env, /server\.started/);
    return { child, origin };
  };

  let { child, origin } = await start();
  const token = /rmb_[A-Za-z0-9_-]{43}/.exec(child.log())?.[0];
  const account = { username: "bench", password: "a bench password" };
  await consoleApi(origin).send("POST", "/api/bootstrap", { token, ...account });
  await child.stop();
  const databaseFile = join(folder, "data/main.db");
  seed(databaseFile, hosts, fill);
  ({ child, origin } = await start());
  const api = consoleApi(origin);
  await api.send("POST", "/api/login", account);

  const server: ProductServer = {
    child,
    origin,
    api,
    databaseFile,
    async restart() {
      await server.child.stop("SIGKILL");
      const again = await start();
      server.child = again.child;
      server.origin = again.origin;
    },
    async stop() {
      await server.child.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return server;
}

function seed(file: string, hosts: readonly SimulatedHost[], fill: (db: Database.Database) => void): void {
  const db = new Database(file);
  const host = db.prepare(
    `INSERT INTO hosts (id, name, hostname, os, arch, agent_version, restic_version, sign_key, seal_key, bearer_hash, created_at)
     VALUES (?, ?, 'bench', 'linux', 'x64', '0.1.0', '0.18.0', ?, ?, ?, 1)`,
  );
  const repository = db.prepare(
    "INSERT INTO repositories (id, host_id, address, created_at, updated_at) VALUES (?, ?, '/srv/bench', 1, 1)",
  );
  db.transaction(() => {
    for (const [i, h] of hosts.entries()) {
      host.run(h.hostId, `bench-${i}`, h.signKey, h.signKey, h.bearerHash);
      repository.run(h.hostId, h.hostId);
    }
  })();
  fill(db);
  db.close();
}
