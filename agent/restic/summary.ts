import type { BackupSummary } from "../../protocol/wire.ts";

/** A backup's summary, from its own last line or from a snapshot of restic 0.17 and newer. Absent numbers mean 0. */
export function summaryOf(raw: Readonly<Record<string, unknown>>, snapshotId: string | null): BackupSummary {
  const size = (key: string): number => {
    const value = raw[key];
    return typeof value === "number" && value > 0 ? Math.min(Math.round(value), Number.MAX_SAFE_INTEGER) : 0;
  };
  const seconds = raw["total_duration"];
  const durationMs = typeof seconds === "number" ? seconds * 1000 : span(raw["backup_start"], raw["backup_end"]);
  return {
    ...(snapshotId !== null && /^[0-9a-f]{64}$/.test(snapshotId) ? { snapshotId } : {}),
    filesNew: size("files_new"),
    filesChanged: size("files_changed"),
    filesUnmodified: size("files_unmodified"),
    totalFiles: size("total_files_processed"),
    totalBytes: size("total_bytes_processed"),
    addedBytes: size("data_added"),
    ...(raw["data_added_packed"] === undefined ? {} : { addedPackedBytes: size("data_added_packed") }),
    durationMs: Math.max(0, Math.round(durationMs)),
  };
}

function span(start: unknown, end: unknown): number {
  if (typeof start !== "string" || typeof end !== "string") return 0;
  const ms = Date.parse(end) - Date.parse(start);
  return Number.isFinite(ms) ? ms : 0;
}
