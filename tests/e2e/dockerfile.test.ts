import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { removeFolder, temporaryFolder } from "../support/folders.ts";
import { freePort } from "../support/ports.ts";
import { nodeBinary, runProcess, startProcess, waitFor } from "../support/process.ts";

/** The Dockerfile without an engine: its build stage's commands in a clean copy, then what the final stage takes. */
const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = temporaryFolder("dockerfile");
afterAll(() => removeFolder(folder));

interface Instruction {
  word: string;
  rest: string;
}
const [build, final] = readStages(readFileSync(join(root, "selfhost/Dockerfile"), "utf8"));

test("the Dockerfile's build stage builds from the tracked files alone, and its final stage serves and stops cleanly", async () => {
  const app = join(folder, "build");
  for (const file of execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" }).split("\0")) {
    if (file !== "") cpSync(join(root, file), join(app, file));
  }
  const path = `${dirname(nodeBinary)}:${process.env["PATH"]}`; // the image's Node is this one
  for (const { rest } of build!.filter(({ word }) => word === "RUN")) {
    const run = await runProcess("sh", ["-c", rest], { cwd: app, env: { ...npmEnv(), PATH: path } });
    expect(run, rest).toMatchObject({ code: 0 });
  }

  const image = join(folder, "image");
  for (const { rest } of final!.filter(({ word }) => word === "COPY")) {
    const [from, to] = rest.split(/\s+/).filter((each) => !each.startsWith("--"));
    cpSync(join(app, from!.replace(/^\/app\//, "")), join(image, to!.startsWith("/") ? to! : join("app", to!)), {
      recursive: true,
    });
  }
  const keyFile = join(folder, "key");
  writeFileSync(keyFile, randomBytes(32).toString("base64url"), { mode: 0o600 });
  mkdirSync(join(image, "data"), { recursive: true });
  const port = await freePort();
  const env = {
    ...Object.fromEntries(final!.filter(({ word }) => word === "ENV").map(({ rest }) => rest.split("=", 2))),
    RM_DATA_DIR: join(image, "data"),
    RM_SECRET_KEY_FILE: keyFile,
    RM_LISTEN: `127.0.0.1:${port}`,
  };
  const server = startProcess(nodeBinary, listOf("CMD"), { cwd: join(image, "app"), env });
  try {
    const [, script] = listOf("HEALTHCHECK");
    const healthy = async () =>
      (await runProcess(nodeBinary, [script!], { cwd: join(image, "app"), env })).code === 0 || null;
    await waitFor("the health check to pass", healthy, { everyMs: 300 });
    const page = await fetch(`http://127.0.0.1:${port}/`, { headers: { accept: "text/html" } });
    expect(page.headers.get("content-type")).toContain("text/html");
    expect((await fetch(`http://127.0.0.1:${port}/install.sh`)).status).toBe(200);
  } finally {
    await server.stop(20_000);
  }
  expect(await server.exited, server.stderr()).toMatchObject({ code: 0 });
});

test("the final image is distroless and does not run as root", () => {
  expect(final![0]?.rest).toMatch(/distroless\/nodejs24-debian12:nonroot/);
});

/** The JSON list an instruction of the final stage ends in. */
function listOf(word: string): string[] {
  const rest = final!.find((each) => each.word === word)!.rest;
  return JSON.parse(rest.slice(rest.indexOf("["))) as string[];
}

function readStages(text: string): Instruction[][] {
  const stages: Instruction[][] = [];
  for (const line of text.replaceAll("\\\n", " ").split("\n")) {
    const [, word, rest] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    if (word === undefined || rest === undefined) continue;
    if (word === "FROM") stages.push([]);
    stages.at(-1)?.push({ word, rest });
  }
  return stages;
}

/** How this machine reaches a registry (npm's own settings lie in HOME), which is the machine's affair and not the image's. */
function npmEnv(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] =>
        /^(https?_proxy$|no_proxy$|SSL_|NODE_EXTRA)/i.test(entry[0]) && entry[1] !== undefined,
    ),
  );
}
