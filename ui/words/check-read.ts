/**
 * Which part of the data a check read, in words; `read` is as the agent reports it: "none", "all", restic's "10%" or
 * "3/30" (part 3 of 30).
 */
export function readText(read: string | undefined): string {
  if (read === undefined || read === "none") return "structure only";
  return read === "all" ? "all data read" : `${readShare(read)} of the data read`;
}

/** The same as a number: "none", "all", "10 %", "part 3 of 30". */
export function readShare(read: string): string {
  const part = /^(\d+)\/(\d+)$/.exec(read);
  return part ? `part ${part[1]} of ${part[2]}` : read.replace(/\s*%$/, " %");
}
