import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rm-main-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function run(env: Record<string, string>) {
  const child = spawn(process.execPath, [MAIN], {
    env: { RM_DATA_DIR: join(folder, "data"), RM_LISTEN: "127.0.0.1:0", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  return { child, said: () => said, exited: once(child, "close") };
}

test("with a key file that everyone may read it ends at once with one sentence that says what to do", async () => {
  const keyFile = join(folder, "key");
  writeFileSync(keyFile, randomBytes(32).toString("hex"), { mode: 0o644 });
  const server = run({ RM_SECRET_KEY_FILE: keyFile });
  expect((await server.exited)[0]).toBe(1);
  expect(server.said()).toBe(
    `Everyone on this machine may read or write the key file ${keyFile}. Run: chmod 600 ${keyFile}\n`,
  );
  expect(readdirSync(folder)).toEqual(["key"]);
}, 60_000);

test("it runs from source, keeps its files to itself and ends in good order when told to", async () => {
  const server = run({ RM_SECRET_KEY: randomBytes(32).toString("hex") });
  const events: string[] = [];
  for await (const line of createInterface({ input: server.child.stdout })) {
    const { event } = JSON.parse(line) as { event: string };
    events.push(event);
    if (event === "server.started") {
      for (const name of readdirSync(join(folder, "data"))) {
        expect(statSync(join(folder, "data", name)).mode & 0o077).toBe(0);
      }
      server.child.kill("SIGTERM");
    }
  }
  expect([(await server.exited)[0], server.said()]).toEqual([0, ""]);
  expect(events).toEqual(["database.migrated", "setup.waiting", "server.started", "server.stopping", "server.stopped"]);
}, 60_000);
