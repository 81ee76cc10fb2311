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
  /** Whether a hook of the host said it. */
  hook: boolean;
  text: string;
}

export const LOG_PARTS = ["all", "warnings", "hooks"] as const;
export type LogPart = (typeof LOG_PARTS)[number];

export interface LogFilter {
  part: LogPart;
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
        hook: record.stream === "hook",
        text: literal(record.text),
      });
    else if (record.type === "dropped")
      lines.push({
        seq: first + i,
        atMs: record.atMs,
        source: "warning",
        level: "warning",
        hook: false,
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
    hook: false,
    text: "Earlier lines are no longer kept: the server holds the newest 64 MiB of each host's logs.",
  };
}

export function showsLine(filter: LogFilter, line: LogLine): boolean {
  if (filter.part === "warnings" && line.level === null) return false;
  if (filter.part === "hooks" && !line.hook) return false;
  return filter.find === "" || line.text.toLowerCase().includes(filter.find.toLowerCase());
}

/** The newest lines, and apart from them the newest of each part, which a long log would push out. */
export type LogWindow = Record<LogPart, { lines: LogLine[]; total: number }>;

export function emptyLog(): LogWindow {
  return { all: { lines: [], total: 0 }, warnings: { lines: [], total: 0 }, hooks: { lines: [], total: 0 } };
}

/** Adds lines in place; each part keeps its newest 5,000. */
export function addLines(log: LogWindow, lines: readonly LogLine[]): void {
  for (const part of LOG_PARTS) {
    const own = part === "all" ? lines : lines.filter((line) => showsLine({ part, find: "" }, line));
    log[part].total += own.length;
    keepNewest(log[part].lines, own);
  }
}

function keepNewest(kept: LogLine[], more: readonly LogLine[]): void {
  for (const line of more.slice(-LOG_WINDOW_LINES)) kept.push(line);
  if (kept.length > LOG_WINDOW_LINES) kept.splice(0, kept.length - LOG_WINDOW_LINES);
}

/** What a filter shows of the window, oldest first. */
export function filteredLines(log: LogWindow, filter: LogFilter): LogLine[] {
  return log[filter.part].lines.filter((line) => showsLine(filter, line));
}
