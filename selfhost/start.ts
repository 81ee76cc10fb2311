import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { readConfig, type ReadFile } from "./config.ts";
import { startServer } from "./server.ts";

/** The self-hosted server from its environment, until a signal ends it. Loaded by main.ts. */

const here = dirname(fileURLToPath(import.meta.url));
const firstOf = (...paths: string[]) => paths.map((path) => join(here, path)).find(existsSync) ?? join(here, paths[0]!);
const readKeyFile: ReadFile = (path) => {
  try {
    return { text: readFileSync(path, "utf8"), mode: statSync(path).mode };
  } catch {
    return null;
  }
};

function stopWith(why: string): never {
  process.stderr.write(`${why}\n`);
  process.exit(1);
}

const config = readConfig(process.env, readKeyFile);
if (!config.ok) stopWith(config.why);

const starting = startServer(config.value, {
  migrations: firstOf("migrations", "../migrations"),
  console: firstOf("../ui", "../dist/ui"),
  downloads: [firstOf("../agent", "../dist/agent"), firstOf("../../scripts", "../scripts")],
  write: (line) => void process.stdout.write(`${line}\n`),
});
let stopping = false;
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.on(signal, () => {
    // A second signal does not wait.
    if (stopping) process.exit(1);
    stopping = true;
    void starting
      .then((started) => (started.ok ? started.value.stop(signal) : undefined))
      .then(
        () => process.exit(0),
        (error: unknown) => stopWith(`The server could not stop in good order: ${String(error)}`),
      );
  });
}

const started = await starting;
if (!started.ok) stopWith(started.why);
