import { MAX_LINE_BYTES, MAX_STRING_BYTES } from "../../protocol/limits.ts";

// oxlint-disable-next-line no-control-regex -- control characters are what leaves
const CONTROL = /\u001b\[[0-9;?]*[ -/]*[@-~]|[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g;

/** A line as it may be shown anywhere: no control characters or escape sequences, tabs become spaces. */
export function cleanLine(text: string): string {
  return text.replace(CONTROL, "").replaceAll("\t", " ").trimEnd();
}

/** The first `maxBytes` bytes of a text in UTF-8, cut between characters. */
export function clip(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes || Buffer.byteLength(text) <= maxBytes) return text;
  const bytes = Buffer.from(text);
  let end = maxBytes;
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end -= 1;
  return bytes.toString("utf8", 0, end);
}
export function clipLine(text: string): string {
  return clip(text, MAX_LINE_BYTES);
}
export function clipText(text: string): string {
  return clip(text, MAX_STRING_BYTES);
}
