import { crc32 } from "node:zlib";

/**
 * A spooled record is one line, `<seq> <crc32 of the JSON, hex> <JSON>\n`: the number finds a hole, the sum finds a
 * write that a crash tore.
 */
export function encodeLine(seq: number, json: string): string {
  return `${seq} ${crc32(json).toString(16)} ${json}\n`;
}

export interface Line {
  seq: number;
  json: string;
  /** Offset just past the line. */
  end: number;
}

const NEWLINE = 0x0a;
const SPACE = 0x20;

/** The line that begins at `from`, or null when none ends within `bytes`. Trusts the sum; see `checkedLine`. */
export function lineAt(bytes: Buffer, from: number): (Line & { sum: string }) | null {
  const end = bytes.indexOf(NEWLINE, from);
  if (end < 0) return null;
  const first = bytes.indexOf(SPACE, from);
  const second = first < 0 ? -1 : bytes.indexOf(SPACE, first + 1);
  if (second < 0 || second > end) return { seq: Number.NaN, json: "", sum: "", end: end + 1 };
  return {
    seq: Number(bytes.toString("latin1", from, first)),
    sum: bytes.toString("latin1", first + 1, second),
    json: bytes.toString("utf8", second + 1, end),
    end: end + 1,
  };
}

/** The line at `from` when it is whole and numbered `seq`; null where the good part of a file ends. */
export function checkedLine(bytes: Buffer, from: number, seq: number): Line | null {
  const line = lineAt(bytes, from);
  return line && line.seq === seq && crc32(line.json).toString(16) === line.sum ? line : null;
}
