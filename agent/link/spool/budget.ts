import { SPOOL_CAP_BYTES, SPOOL_FACT_RESERVE_BYTES, SPOOL_RESUME_SHARE } from "../../../protocol/limits.ts";

/**
 * The room all spools of an agent share. Past the cap, less the reserve for facts, lines are refused until the
 * spools have shrunk below three quarters of it (PROTOCOL section 5).
 */
export class SpoolBudget {
  readonly #capBytes: number;
  readonly #reserveBytes: number;
  #usedBytes = 0;
  #full = false;

  constructor(capBytes = SPOOL_CAP_BYTES, reserveBytes = SPOOL_FACT_RESERVE_BYTES) {
    this.#capBytes = capBytes;
    this.#reserveBytes = reserveBytes;
  }

  /** Counts bytes in (positive) or out (negative). */
  count(bytes: number): void {
    this.#usedBytes += bytes;
    if (this.#usedBytes >= this.#capBytes - this.#reserveBytes) this.#full = true;
    else if (this.#usedBytes < this.#capBytes * SPOOL_RESUME_SHARE) this.#full = false;
  }

  get takesLines(): boolean {
    return !this.#full;
  }
}
