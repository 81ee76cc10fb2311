import { getSystemErrorMap } from "node:util";
import { cleanLine } from "./clean-text.ts";

/** What restic says on stderr while it works. */
export type Complaint =
  /** A file or folder that was not read as it should; the backup goes on without it. */
  | { kind: "item"; item: string; during: string; text: string }
  /** The last words of restic 0.17 and newer. */
  | { kind: "exit"; lines: string[] }
  /** A plain line; `level` is null for what is no trouble. */
  | { kind: "text"; text: string; level: "warning" | "error" | null; skippedPath: boolean };

/** One line of stderr; null for an empty one. */
export function parseComplaint(line: string): Complaint | null {
  if (line.startsWith('{"message_type":')) {
    const complaint = parseJson(line);
    if (complaint) return complaint;
  }
  const text = cleanLine(line);
  if (text === "") return null;
  return {
    kind: "text",
    text,
    level: levelOf(text),
    skippedPath: text.endsWith(" does not exist, skipping"),
  };
}

function levelOf(text: string): "warning" | "error" | null {
  if (/^(?:Fatal: |unable to create lock)/.test(text)) return "error";
  return text.startsWith("signal interrupt received") ? null : "warning";
}

function parseJson(line: string): Complaint | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  const message = value as Record<string, unknown>;
  if (message["message_type"] === "exit_error" && typeof message["message"] === "string") {
    // In 0.19.1 a stack trace may follow; some messages begin with "Fatal: " twice.
    const lines = message["message"].split("\n").map((text) => cleanLine(text).replace(/^(?:Fatal: )+/, "Fatal: "));
    return { kind: "exit", lines: lines.filter((text) => text !== "") };
  }
  if (message["message_type"] !== "error") return null;
  if (typeof message["message"] === "string") return checkComplaint(message["message"]);
  const item = typeof message["item"] === "string" ? cleanLine(message["item"]) : "";
  const during = typeof message["during"] === "string" ? message["during"] : "";
  return { kind: "item", item, during, text: describeError(message["error"], item) };
}

/** What `check` of restic 0.18 and newer finds, and its hints, which may be several lines: commands to type. */
function checkComplaint(message: string): Complaint | null {
  const lines = message.split("\n").map(cleanLine);
  const text = lines.filter((line) => line !== "").join("; ");
  return text === "" ? null : { kind: "text", text, level: "error", skippedPath: false };
}

/** restic 0.14 has no text: `{}`, or the fields of Go's PathError with an errno. */
function describeError(error: unknown, item: string): string {
  if (typeof error === "object" && error !== null) {
    const { message, Op, Path, Err } = error as Record<string, unknown>;
    if (typeof message === "string") {
      const text = cleanLine(message.replaceAll("\n", " "));
      return text.includes(item) ? text : `${text} (${item})`;
    }
    if (typeof Err === "number") {
      const reason = getSystemErrorMap().get(-Err)?.[1] ?? `error ${Err}`;
      return cleanLine(`${typeof Op === "string" ? Op : "read"} ${typeof Path === "string" ? Path : item}: ${reason}`);
    }
  }
  return item === "" ? "could not be read" : `${item} could not be read`;
}
