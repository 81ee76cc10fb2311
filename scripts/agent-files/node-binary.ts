import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root } from "../steps.ts";
import { lockedPackage } from "./lockfile.ts";
import type { Target } from "./targets.ts";

/**
 * The path of a target's own Node. npm installs only the one for this machine, so the package is fetched by its locked
 * version, checked against its locked integrity, and kept in node_modules/.cache.
 */
export function nodeBinary(target: Target): string {
  const { name, version, integrity } = lockedPackage(target.nodePackage);
  const cache = join(root, "node_modules/.cache/agent-files");
  const kept = join(cache, `${name}-${version}`);
  const binary = join(kept, "package", target.nodePath);
  if (existsSync(binary)) return binary;

  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, "work-"));
  try {
    execFileSync("npm", ["pack", `${name}@${version}`, "--silent", "--prefer-offline", "--pack-destination", work], {
      cwd: root,
      stdio: ["ignore", "ignore", "inherit"],
    });
    const archive = join(work, `${name}-${version}.tgz`);
    const found = `sha512-${createHash("sha512").update(readFileSync(archive)).digest("base64")}`;
    if (found !== integrity)
      throw new Error(`${name} ${version} is not what package-lock.json names: ${found}. Do not use this registry.`);
    execFileSync("tar", ["-xzf", archive, "-C", work, `package/${target.nodePath}`]);
    rmSync(archive);
    rmSync(kept, { recursive: true, force: true });
    renameSync(work, kept);
    return binary;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
