/** ANSI control sequences: CSI … final, OSC … BEL or ST, and two-character escapes (ECMA-48 sections 5.3 to 5.6). */
const ANSI =
  // oxlint-disable-next-line no-control-regex -- control characters are what this finds
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|(?:\u001b\]|\u009d)[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)|\u001b[ -/]*[0-Z\\^-~]/g;
/** What is left of control characters, and characters that reorder or hide text (Unicode TR 9, TR 36). */
const UNSEEN =
  // oxlint-disable-next-line no-control-regex -- these are what this finds
  /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\u3164\ufeff\ufff9-\ufffb]/g;

function mark(char: string): string {
  const code = char.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  if (code === 0x7f) return "\u2421";
  return `\u2039U+${code.toString(16).toUpperCase().padStart(4, "0")}\u203a`;
}

/**
 * Text of others (names, paths, log lines) as it may be shown: colour codes are gone, and every character that would
 * move, hide or reorder text is a visible mark instead.
 */
export function literal(text: string): string {
  return text.replace(ANSI, "").replace(UNSEEN, mark);
}
