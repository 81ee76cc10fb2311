import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../steps.ts";

/** What package-lock.json says of one package. */
export interface LockedPackage {
  name: string;
  version: string;
  /** Subresource integrity of its archive: `sha512-` and base64. */
  integrity: string;
  /** SPDX expression. */
  license: string;
}

interface Entry {
  version?: string;
  integrity?: string;
  license?: string;
}

/** The locked package of this name; throws where version, integrity or licence is absent. */
export function lockedPackage(name: string): LockedPackage {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as { packages: Record<string, Entry> };
  const { version, integrity, license } = lock.packages[`node_modules/${name}`] ?? {};
  if (version === undefined || integrity === undefined || license === undefined)
    throw new Error(`package-lock.json does not say version, integrity and licence of ${name}. Run npm install.`);
  return { name, version, integrity, license };
}
