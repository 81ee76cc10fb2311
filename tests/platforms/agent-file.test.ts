import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import type { VersionReport } from "../../agent/cli/version.ts";
import { AGENT_VERSION } from "../../agent/version.ts";
import { buildTwice } from "../../scripts/agent-files/same-bytes.ts";
import { runProcess } from "../support/process.ts";
import { resticBinary } from "../support/restic.ts";
import { dirname } from "node:path";

/** The file a host of this platform gets, with Node inside: nothing but system libraries may be needed. */
const file = fileURLToPath(new URL("../../dist/agent/restic-manager-agent-linux-amd64", import.meta.url));

beforeAll(() => {
  if (!existsSync(file)) throw new Error("Run npm run build:agent first.");
});

test("says version, commit, Node and the restic on PATH", async () => {
  const restic = resticBinary("0.18.0");
  const done = await runProcess(file, ["version", "--json"], { env: { PATH: `${dirname(restic)}:/usr/bin:/bin` } });
  expect(done).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(done.stdout) satisfies VersionReport).toMatchObject({
    version: AGENT_VERSION,
    commit: expect.stringMatching(/^[0-9a-f]{40}(-dirty)?$/),
    node: "24.21.0",
    platform: "linux-amd64",
    restic: { path: restic, version: "0.18.0" },
  });
});
