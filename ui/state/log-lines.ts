import type { JobRecord } from "../../protocol/wire.ts";
import { countOf } from "../words/size.ts";
import { literal } from "../words/literal.ts";

/** The log as the page keeps it; the rest is in the download. */
export const LOG_WINDOW_LINES = 5000;

export interface LogLine {
  /** Place in the job's stream; 0 for a mark of the page's own. */
  seq: number;
  atMs: number | null;
  source: string;
  level: "warning" | "error" | null;
  text: string;
}

export interface LogFilter {
  warningsOnly: boolean;
  /** Part of a line, any case; empty shows all. */
  find: string;
}

/** The lines among `records`, whose first has seq `first`. Text is made safe to show. */
export function logLines(first: number, records: readonly JobRecord[]): LogLine[] {
  const lines: LogLine[] = [];
  records.forEach((record, i) => {
    if (record.type === "logged")
      lines.push({
        seq: first + i,
        atMs: record.atMs,
        source: record.level ?? record.stream,
        level: record.level ?? null,
        text: literal(record.text),
      });
    else if (record.type === "dropped")
      lines.push({
        seq: first + i,
        atMs: record.atMs,
        source: "warning",
        level: "warning",
        text: `${countOf(record.lines, "line was", "lines were")} dropped here: the host's log space was full.`,
      });
  });
  return lines;
}

/** Says that the server no longer has the beginning of this log. */
export function trimmedLine(): LogLine {
  return {
    seq: 0,
    atMs: null,
    source: "server",
    level: null,
    text: "Earlier lines are no longer kept: the server holds the newest 64 MiB of each host's logs.",
  };
}

export function showsLine(filter: LogFilter, line: LogLine): boolean {
  if (filter.warningsOnly && line.level === null) return false;
  return filter.find === "" || line.text.toLowerCase().includes(filter.find.toLowerCase());
}

/** The newest lines, and apart from them the newest warnings, which a long log would push out. */
export interface LogWindow {
  lines: LogLine[];
  warnings: LogLine[];
  total: number;
  totalWarnings: number;
}

export function emptyLog(): LogWindow {
  return { lines: [], warnings: [], total: 0, totalWarnings: 0 };
}

/** Adds lines in place; both lists keep the newest 5,000. */
export function addLines(log: LogWindow, lines: readonly LogLine[]): void {
  const warnings = lines.filter((line) => line.level !== null);
  log.total += lines.length;
  log.totalWarnings += warnings.length;
  keepNewest(log.lines, lines);
  keepNewest(log.warnings, warnings);
}

function keepNewest(kept: LogLine[], more: readonly LogLine[]): void {
  for (const line of more.slice(-LOG_WINDOW_LINES)) kept.push(line);
  if (kept.length > LOG_WINDOW_LINES) kept.splice(0, kept.length - LOG_WINDOW_LINES);
}

/** What a filter shows of the window, oldest first. */
export function filteredLines(log: LogWindow, filter: LogFilter): LogLine[] {
  return (filter.warningsOnly ? log.warnings : log.lines).filter((line) => showsLine(filter, line));
}
