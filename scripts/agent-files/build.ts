import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AGENT_VERSION } from "../../agent/version.ts";
import { root } from "../steps.ts";
import { billOfMaterials } from "./bill-of-materials.ts";
import { bundleAgent } from "./bundle.ts";
import { buildServiceProgram, packBlob, writeExecutable } from "./executable.ts";
import { lockedPackage } from "./lockfile.ts";
import { sourceCommit } from "./source-commit.ts";
import { TARGETS } from "./targets.ts";

export const BUNDLE = "restic-manager-agent.cjs";
export const BILL = "restic-manager-agent.cdx.json";
export const SUMS = "SHA256SUMS";

/**
 * Writes to `out`, one after the other: the bundle, the agent as one file for each platform, their bill of materials,
 * and SHA256SUMS over files and bill. The same commit gives the same bytes; times are SOURCE_DATE_EPOCH (seconds), else
 * the commit's.
 */
export async function buildAgentFiles(out: string): Promise<void> {
  const commit = sourceCommit();
  if (!commit) throw new Error("The agent's files name the commit they are made from: build them in a git checkout.");
  const timeSeconds = Number(process.env["SOURCE_DATE_EPOCH"] ?? commit.timeSeconds);
  if (!Number.isSafeInteger(timeSeconds)) throw new Error("SOURCE_DATE_EPOCH is not a whole number of seconds.");
  const runtimes = TARGETS.map((target) => ({ ...lockedPackage(target.nodePackage), file: target.file }));
  for (const { name, version } of runtimes) {
    if (`v${version}` === process.version) continue;
    throw new Error(`Node ${process.version} cannot build for ${name} ${version}. Start it with npm run build:agent.`);
  }

  mkdirSync(out, { recursive: true });
  const work = mkdtempSync(join(out, ".build-")); // in `out`: the files move by rename
  try {
    const names = await bundleAgent(join(work, BUNDLE), commit.name);
    const { license } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { license: string };
    writeFileSync(
      join(work, BILL),
      billOfMaterials({
        version: AGENT_VERSION,
        license,
        commit: commit.name,
        timeSeconds,
        packages: names.map(lockedPackage),
        runtimes,
      }),
    );
    const bare = packBlob(work, BUNDLE, []);
    const carrying = packBlob(work, BUNDLE, [buildServiceProgram(work)]);
    for (const target of TARGETS) writeExecutable(work, target.carriesService ? carrying : bare, target);
    const summed = [...TARGETS.map(({ file }) => file), BILL];
    writeFileSync(join(work, SUMS), summed.map((file) => `${sha256(join(work, file))}  ${file}\n`).join(""));
    for (const file of [BUNDLE, ...summed, SUMS]) {
      utimesSync(join(work, file), timeSeconds, timeSeconds);
      renameSync(join(work, file), join(out, file));
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function sha256(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}
