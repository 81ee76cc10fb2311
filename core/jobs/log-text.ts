import type { JobRecord } from "../../protocol/wire.ts";

/** One record of a job's stream as one line of the plain text log, without its newline; null for records that say nothing there. */
export function logLine(record: JobRecord): string | null {
  const said = sentence(record);
  if (said === null) return null;
  const source = record.type === "logged" ? record.stream : "agent";
  return `${new Date(record.atMs).toISOString()} ${source.padEnd(6)} ${visible(said)}`;
}

function sentence(record: JobRecord): string | null {
  switch (record.type) {
    case "accepted":
      return record.source === "schedule" ? "accepted from the schedule" : "accepted";
    case "started":
      return "started";
    case "phased":
      return `phase: ${record.phase}`;
    case "logged":
      return record.level === undefined ? record.text : `${record.level}: ${record.text}`;
    case "dropped":
      return `${record.lines} lines dropped: the host's spool was full`;
    case "snapshot":
      return `snapshot ${record.snapshot.id}`;
    case "listed":
    case "measured":
      return null;
    case "finished":
      return [`finished: ${record.outcome}`, ...(record.failure ? [record.failure.code, record.failure.message] : [])]
        .concat(record.lastError === undefined ? [] : [record.lastError])
        .join("; ");
  }
}

/** Control characters spelled out, so that no line forges another and a terminal that shows the log obeys none. */
function visible(text: string): string {
  // oxlint-disable-next-line no-control-regex -- these are the characters to spell out
  return text.replaceAll(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]/g, (c) => {
    const hex = c.charCodeAt(0).toString(16);
    return hex.length > 2 ? `\\u${hex.padStart(4, "0")}` : `\\x${hex.padStart(2, "0")}`;
  });
}
