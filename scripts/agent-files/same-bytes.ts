import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../steps.ts";
import { SUMS } from "./build.ts";

/** The same commit, built under unlike paths, zones and languages. */
const BUILDS = [
  { folder: "a", env: { TZ: "UTC", LC_ALL: "C" } },
  { folder: "another/place with a space", env: { TZ: "Asia/Kathmandu", LC_ALL: "C.UTF-8" } },
];

/** Builds the committed state in two fresh clones; returns SHA256SUMS when both agree and throws with both when not. */
export function buildTwice(): string {
  const folder = mkdtempSync(join(tmpdir(), "restic-manager-agent-"));
  try {
    const [one = "", two = ""] = BUILDS.map(({ folder: name, env }) => {
      const clone = join(folder, name);
      execFileSync("git", ["clone", "--quiet", "--shared", root, clone]);
      symlinkSync(join(root, "node_modules"), join(clone, "node_modules"));
      execFileSync(process.execPath, ["scripts/build-agent-files.ts"], {
        cwd: clone,
        env: { ...process.env, ...env },
        stdio: ["ignore", "ignore", "inherit"],
      });
      return readFileSync(join(clone, "dist/agent", SUMS), "utf8");
    });
    if (one !== two) throw new Error(`Two builds of one commit differ:\n${one}\n${two}`);
    return one;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
