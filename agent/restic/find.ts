import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import { fail, ok, type Result } from "../../protocol/failure.ts";
import type { Platform } from "../platform/platform.ts";
import { runRestic } from "./child.ts";
import { atLeast, formatVersion, parseVersion, versionArgv, type ResticVersion } from "./version.ts";

export interface Restic {
  /** Absolute path. */
  file: string;
  version: ResticVersion;
}

/** A binary that does not answer in this time is none. */
const ANSWER_WITHIN_MS = 20_000;

/**
 * The restic to use: the override of agent.yaml, else the first on PATH, 0.14 or newer. The version is asked again
 * only when the file has changed.
 */
export class ResticFinder {
  readonly #override: string | null;
  readonly #platform: Platform;
  #known: { stamp: string; restic: Restic } | null = null;

  constructor(override: string | null, platform: Platform) {
    this.#override = override;
    this.#platform = platform;
  }

  async find(): Promise<Result<Restic>> {
    const file = this.#override ?? searchPath(process.env["PATH"] ?? "", this.#platform);
    if (file === null || !isExecutable(file)) {
      return fail(
        "restic.not_found",
        this.#override === null
          ? "restic is not installed on this host. Install it (apt install restic, choco install restic), then run the job again."
          : `There is no restic at ${this.#override}. Correct the path in agent.yaml.`,
      );
    }
    const { mtimeMs, size, ino } = statSync(file);
    const stamp = `${file} ${mtimeMs} ${size} ${ino}`;
    if (this.#known?.stamp === stamp) return ok(this.#known.restic);
    const version = await this.#askVersion(file);
    if (!version)
      return fail("restic.not_found", `${file} does not answer as restic does. Install restic 0.14 or newer.`);
    if (!atLeast(version, 0, 14))
      return fail("restic.too_old", `restic ${formatVersion(version)} is too old. Install restic 0.14 or newer.`);
    const restic = { file, version };
    this.#known = { stamp, restic };
    return ok(restic);
  }

  async #askVersion(file: string): Promise<ResticVersion | null> {
    const env = { PATH: process.env["PATH"] ?? "" };
    try {
      const exit = await runRestic(
        { file, argv: versionArgv, env },
        { document: true },
        this.#platform,
        AbortSignal.timeout(ANSWER_WITHIN_MS),
      );
      return parseVersion(exit.document);
    } catch {
      return null;
    }
  }
}

/**
 * The first executable restic in the absolute folders of a PATH, since a relative one would depend on the caller, and
 * then in those where installers of this platform put it.
 */
export function searchPath(path: string, platform: Pick<Platform, "resticName" | "resticFolders">): string | null {
  for (const folder of [...path.split(delimiter), ...platform.resticFolders]) {
    if (!isAbsolute(folder)) continue;
    const file = join(folder, platform.resticName);
    if (isExecutable(file)) return file;
  }
  return null;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
