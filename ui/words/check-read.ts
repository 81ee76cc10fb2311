/**
 * Which part of the data a check read, in words; `read` is as the agent reports it: "none", "all", restic's "10%" or
 * "3/30" (part 3 of 30).
 */
export function readText(read: string | undefined): string {
  if (read === undefined || read === "none") return "structure only";
  if (read === "all") return "all data read";
  const part = /^(\d+)\/(\d+)$/.exec(read);
  if (part) return `part ${part[1]} of ${part[2]} of the data read`;
  return `${read.replace(/\s*%$/, " %")} of the data read`;
}
