import { PROGRESS_INTERVAL_MS } from "../../../protocol/limits.ts";
import type { BackupSummary, JobPhase, Progress } from "../../../protocol/wire.ts";
import { formatBytes, formatCount, formatDuration } from "../../restic/amounts.ts";
import type { BackupMessage } from "../../restic/backup.ts";
import { clip, cleanLine } from "../../restic/clean-text.ts";

/** A line of progress in the log, at most this often. */
const LINE_EVERY_MS = 10_000;
/** restic's own tick is a second, give or take: without this slack every other one would be too early. */
const TICK_SLACK_MS = 50;
const MAX_CURRENT_FILE_BYTES = 1024;

export interface StoryTeller {
  nowMs(): number;
  phase(phase: JobPhase): void;
  say(stream: "restic" | "agent", text: string, level?: "warning" | "error"): void;
  progress(progress: Progress): void;
}

/** Turns what restic says during a backup into phases, progress and the lines an operator wants to read. */
export class BackupStory {
  readonly #teller: StoryTeller;
  readonly #countWarnings: () => number;
  #opened = false;
  #scanned = false;
  #progressMs = 0;
  #lineMs: number;
  summary: BackupSummary | null = null;
  /** As restic names the snapshot: 8 digits in 0.14, 64 later. */
  snapshotName: string | null = null;

  constructor(teller: StoryTeller, countWarnings: () => number) {
    this.#teller = teller;
    this.#countWarnings = countWarnings;
    this.#lineMs = teller.nowMs();
  }

  /** Whether restic has opened the repository: it says nothing on stdout before. */
  get opened(): boolean {
    return this.#opened;
  }

  hear(message: BackupMessage): void {
    this.#open();
    switch (message.kind) {
      case "status":
        this.#onStatus(message);
        return;
      case "scanned":
        this.#onScanned(message.totalFiles, message.totalBytes);
        return;
      case "file": {
        const verb = message.action === "new" ? "new    " : "changed";
        const path = cleanLine(message.path.replaceAll("\n", "␊"));
        this.#teller.say("restic", `${verb} ${path} (${formatBytes(message.addedBytes)} added)`);
        return;
      }
      case "summary":
        this.#upload();
        this.summary = message.summary;
        this.snapshotName = message.shortId;
        return;
    }
  }

  #open(): void {
    if (this.#opened) return;
    this.#opened = true;
    this.#teller.phase("scan");
    this.#teller.say("restic", "Repository opened");
  }

  #upload(): void {
    if (this.#scanned) return;
    this.#scanned = true;
    this.#teller.phase("upload");
  }

  #onScanned(files: number, bytes: number): void {
    if (this.#scanned) return;
    this.#upload();
    this.#teller.say("restic", `Scan finished: ${formatCount(files, "file")}, ${formatBytes(bytes)}`);
  }

  #onStatus(status: Extract<BackupMessage, { kind: "status" }>): void {
    // Only after the scan restic knows how long it will take.
    if (status.secondsRemaining > 0) this.#onScanned(status.totalFiles, status.totalBytes);
    const nowMs = this.#teller.nowMs();
    // Either way: the host's clock may be set back by hours.
    if (Math.abs(nowMs - this.#progressMs) >= PROGRESS_INTERVAL_MS - TICK_SLACK_MS) {
      this.#progressMs = nowMs;
      this.#teller.progress(this.#progressOf(status));
    }
    if (Math.abs(nowMs - this.#lineMs) >= LINE_EVERY_MS) {
      this.#lineMs = nowMs;
      this.#teller.say("restic", this.#lineOf(status));
    }
  }

  #progressOf(status: Extract<BackupMessage, { kind: "status" }>): Progress {
    const errors = this.#countWarnings();
    return {
      phase: this.#scanned ? "upload" : "scan",
      // Until the scan is done the totals grow, and a percentage would fall back.
      ...(this.#scanned
        ? { percent: status.percent, totalBytes: status.totalBytes, totalFiles: status.totalFiles }
        : {}),
      bytes: status.bytes,
      files: status.files,
      ...(errors > 0 ? { errors } : {}),
      currentFiles: status.currentFiles.slice(0, 4).map((file) => clip(cleanLine(file), MAX_CURRENT_FILE_BYTES)),
      ...(status.secondsRemaining > 0 ? { etaMs: status.secondsRemaining * 1000 } : {}),
    };
  }

  #lineOf(status: Extract<BackupMessage, { kind: "status" }>): string {
    const warnings = this.#countWarnings();
    const done = `${formatCount(status.files, "file")}, ${formatBytes(status.bytes)}`;
    const trouble = warnings > 0 ? `, ${formatCount(warnings, "warning")}` : "";
    return this.#scanned
      ? `${Math.floor(Math.round(status.percent * 1e6) / 1e4)} % done, ${done}${trouble}`
      : `Scanning, ${done} done so far${trouble}`;
  }
}

/** The end of a backup in one line. */
export function summaryLine(summary: BackupSummary): string {
  return (
    `${formatCount(summary.totalFiles, "file")}, ${formatBytes(summary.totalBytes)} read in ` +
    `${formatDuration(summary.durationMs)}: ${summary.filesNew} new, ${summary.filesChanged} changed, ` +
    `${summary.filesUnmodified} unmodified; ${formatBytes(summary.addedPackedBytes ?? summary.addedBytes)} added`
  );
}
