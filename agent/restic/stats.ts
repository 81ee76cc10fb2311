/** raw-data: what the snapshots need of the repository. restore-size: what they would fill if each were restored. */
export type StatsMode = "raw-data" | "restore-size";

/** Without a lock: reading needs none, and somebody else's must not fail it. */
export function statsArgv(mode: StatsMode): string[] {
  return ["stats", "--json", "--no-lock", `--mode=${mode}`];
}

export interface Stats {
  sizeBytes: number;
  /** raw-data of restic 0.15 and newer. */
  uncompressedBytes: number | null;
  snapshots: number;
}

/** The document `stats --json` prints; null when it is none. */
export function parseStats(document: string): Stats | null {
  let value: unknown;
  try {
    value = JSON.parse(document);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const raw = value as Record<string, unknown>;
  const sizeBytes = size(raw["total_size"]);
  const snapshots = size(raw["snapshots_count"]);
  if (sizeBytes === null || snapshots === null) return null;
  return { sizeBytes, uncompressedBytes: size(raw["total_uncompressed_size"]), snapshots };
}

function size(value: unknown): number | null {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : null;
}
