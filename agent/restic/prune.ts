import type { Limits } from "../../protocol/schedule.ts";
import { limitArgs } from "./limits.ts";

/** prune prints text in every version, also with --json. */
export function pruneArgv(limits: Limits): string[] {
  return ["prune", ...limitArgs(limits)];
}

const UNIT_BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/**
 * Bytes that leave the repository, from prune's line `total prune:  21 blobs / 16.003 MiB`: restic's own rounding, and
 * said before it deletes. Null for every other line.
 */
export function parseFreedBytes(line: string): number | null {
  const match = /^total prune:\s+\d+ blobs \/ ([\d.]+) ([KMGT]?i?B)$/.exec(line);
  const unit = match && UNIT_BYTES[match[2]!];
  return match && unit ? Math.round(Number(match[1]) * unit) : null;
}
