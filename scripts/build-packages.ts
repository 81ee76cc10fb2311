import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildAptRepository, signAptRepository } from "../packaging/apt-repository.ts";
import { buildDeb, type DebArch } from "../packaging/deb.ts";
import { buildNupkg } from "../packaging/nupkg.ts";
import { runTool } from "../packaging/run-tool.ts";
import { root } from "./steps.ts";

/**
 * The agent's packages, in dist/packages: a .deb per processor, the .nupkg, and with --apt-key an apt repository of the
 * .debs in dist/packages/apt. --sign FOLDER only signs the repository in FOLDER anew.
 */
const { values } = parseArgs({
  options: {
    agents: { type: "string", default: join(root, "dist/agent") },
    out: { type: "string", default: join(root, "dist/packages") },
    "apt-key": { type: "string" },
    sign: { type: "string" },
  },
});
const aptKey = values["apt-key"] ?? process.env["RM_APT_KEY_FILE"];

if (values.sign !== undefined) {
  if (aptKey === undefined) throw new Error("Name the signing key: --apt-key FILE, or RM_APT_KEY_FILE.");
  signAptRepository(values.sign, aptKey, Date.now());
} else build();

function build(): void {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  const release = { version: manifest.version, epochSeconds: epochSeconds() };
  mkdirSync(values.out, { recursive: true });
  const arches: DebArch[] = ["amd64", "arm64"];
  const debs = arches.map((arch) => told(buildDeb(agentFile(`linux-${arch}`), arch, release, values.out)));
  told(buildNupkg(agentFile("windows-amd64.exe"), release, values.out));
  if (aptKey === undefined) {
    console.log("No apt repository: it needs a signing key, --apt-key FILE or RM_APT_KEY_FILE (docs/packages.md).");
    return;
  }
  const repository = join(values.out, "apt");
  buildAptRepository(debs, repository, aptKey, Date.now());
  told(repository);
}

function agentFile(target: string): string {
  const path = join(values.agents, `restic-manager-agent-${target}`);
  if (!existsSync(path)) throw new Error(`There is no ${path}. Run "npm run build:agent" first.`);
  return path;
}

function epochSeconds(): number {
  const given = process.env["SOURCE_DATE_EPOCH"] ?? runTool("git", ["log", "-1", "--format=%ct"], { cwd: root });
  const seconds = Number(given.trim());
  if (!Number.isInteger(seconds) || seconds < 0) throw new Error("SOURCE_DATE_EPOCH must be seconds since 1970.");
  return seconds;
}

function told(path: string): string {
  console.log(path);
  return path;
}
