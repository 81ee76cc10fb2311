import { SCHEDULE_TAG } from "../../protocol/schedule.ts";
import type { BackupSpec, BackupSummary } from "../../protocol/wire.ts";
import { limitArgs } from "./limits.ts";
import { summaryOf } from "./summary.ts";

export interface BackupOptions {
  /** Fixed at enrolment, so that a renamed machine keeps its history. */
  hostname: string;
  /** A 0600 file made by `excludeFileText`; null without excludes. */
  excludeFile: string | null;
  /** The host can copy a volume as it is at one moment: Windows, with its Volume Shadow Copy Service. */
  shadowCopies: boolean;
}

/** Values are part of their flag's own argument and paths follow `--`: none of them can become an option. */
export function backupArgv(spec: BackupSpec, options: BackupOptions): string[] {
  return [
    "backup",
    "--json",
    // From -v on restic names every file and says when the scan is done.
    ...(spec.verbose ? ["--verbose"] : []),
    // Files in use can be read then, and belong together (restic manual, "Backing up", "Reading data from a snapshot").
    ...(options.shadowCopies && spec.fsSnapshot !== false ? ["--use-fs-snapshot"] : []),
    ...limitArgs(spec.limits),
    `--host=${options.hostname}`,
    ...backupTags(spec).map((tag) => `--tag=${tag}`),
    ...(options.excludeFile === null ? [] : [`--exclude-file=${options.excludeFile}`]),
    "--",
    ...spec.paths,
  ];
}

/** The tags of the snapshot: those asked for, and one that finds a schedule's snapshots in any repository. */
export function backupTags(spec: BackupSpec): string[] {
  return [...spec.tags, scheduleTag(spec.scheduleId)];
}

/** Marks the snapshots of one schedule. */
export function scheduleTag(scheduleId: string): string {
  return SCHEDULE_TAG + scheduleId;
}

/**
 * One pattern a line. restic expands `$NAME` in this file and skips lines that begin with `#` (restic manual,
 * "Excluding Files"); the patterns mean neither.
 */
export function excludeFileText(patterns: readonly string[]): string {
  return patterns.map((pattern) => `${pattern.replaceAll("$", "$$$$").replace(/^#/, "[#]")}\n`).join("");
}

export type BackupMessage =
  | {
      kind: "status";
      /** 0..1 of the totals so far; the totals grow until the scan is done. */
      percent: number;
      totalFiles: number;
      files: number;
      totalBytes: number;
      bytes: number;
      errors: number;
      currentFiles: string[];
      /** Restic tells it only once the scan is done. */
      secondsRemaining: number;
    }
  | { kind: "scanned"; totalFiles: number; totalBytes: number }
  | { kind: "file"; action: "new" | "modified"; path: string; addedBytes: number }
  | { kind: "summary"; summary: BackupSummary; shortId: string | null };

const UNCHANGED = Buffer.from('{"message_type":"verbose_status","action":"unchanged"');

/** One line of `backup --json`; null for what nobody needs: unchanged files, folders, and lines that are no message. */
export function parseBackupLine(line: Buffer): BackupMessage | null {
  // Most lines of a verbose run; told apart without decoding them.
  if (line.length > UNCHANGED.length && line.compare(UNCHANGED, 0, UNCHANGED.length, 0, UNCHANGED.length) === 0)
    return null;
  let value: unknown;
  try {
    value = JSON.parse(line.toString("utf8"));
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const message = value as Record<string, unknown>;
  // restic 0.14 calls the end of the scan a status: the action decides first.
  if (message["action"] === "scan_finished")
    return { kind: "scanned", totalFiles: number(message["total_files"]), totalBytes: number(message["data_size"]) };
  switch (message["message_type"]) {
    case "status":
      return {
        kind: "status",
        percent: Math.min(1, Math.max(0, number(message["percent_done"]))),
        totalFiles: number(message["total_files"]),
        files: number(message["files_done"]),
        totalBytes: number(message["total_bytes"]),
        bytes: number(message["bytes_done"]),
        errors: number(message["error_count"]),
        currentFiles: texts(message["current_files"]),
        secondsRemaining: number(message["seconds_remaining"]),
      };
    case "verbose_status": {
      const { action, item } = message;
      if ((action !== "new" && action !== "modified") || typeof item !== "string" || item.endsWith("/")) return null;
      return {
        kind: "file",
        action,
        path: item,
        addedBytes: number(message["data_size_in_repo"] ?? message["data_size"]),
      };
    }
    case "summary": {
      const id = typeof message["snapshot_id"] === "string" ? message["snapshot_id"] : null;
      return { kind: "summary", summary: summaryOf(message, id), shortId: id };
    }
    default:
      return null;
  }
}

/** restic leaves zeroes out: absent means 0. */
function number(value: unknown): number {
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}
function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
