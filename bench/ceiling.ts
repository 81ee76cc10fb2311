import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startChild, type Child } from "./child.ts";
import type { SimulatedHost } from "./fleet.ts";

const entry = fileURLToPath(new URL("ceiling-server.ts", import.meta.url));

export interface CeilingServer {
  child: Child;
  origin: string;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** bench/ceiling-server.ts in a process of its own, with the same hosts as the product would have. */
export async function startCeiling(
  mode: "idle" | "storm" | "group" | "bare" | "click",
  hosts: readonly SimulatedHost[],
): Promise<CeilingServer> {
  const folder = mkdtempSync(join(tmpdir(), "restic-manager-ceiling-"));
  const file = join(folder, "hosts.jsonl");
  writeFileSync(
    file,
    hosts.map(({ hostId, bearerHash, signKey }) => JSON.stringify({ hostId, bearerHash, signKey })).join("\n"),
  );
  const start = async () => {
    const child = await startChild([entry, mode, folder, file], {}, /listening \d+/);
    return { child, origin: `http://127.0.0.1:${/listening (\d+)/.exec(child.log())![1]}` };
  };
  const server: CeilingServer = {
    ...(await start()),
    async restart() {
      await server.child.stop("SIGKILL");
      Object.assign(server, await start());
    },
    async stop() {
      await server.child.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return server;
}
