import { readFileSync } from "node:fs";
import { isSystemError, writeFileAtomically } from "../disk/atomic-file.ts";

/** The last join number the server gave: what tells this machine from a copy of its disk. */
export class JoinStore {
  readonly #path: string;
  #join: number;

  constructor(path: string) {
    this.#path = path;
    this.#join = readJoin(path);
  }

  get join(): number {
    return this.#join;
  }

  /** False when the disk refuses: the server must not hear that the number is kept. */
  keep(join: number): boolean {
    try {
      writeFileAtomically(this.#path, `${join}\n`);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      return false;
    }
    this.#join = join;
    return true;
  }
}

function readJoin(path: string): number {
  try {
    const join = Number(readFileSync(path, "utf8"));
    return Number.isSafeInteger(join) && join >= 0 ? join : 0;
  } catch {
    return 0;
  }
}
