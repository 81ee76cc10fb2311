import type { Limits } from "../../protocol/schedule.ts";
import { limitArgs } from "./limits.ts";

/** How much of the data one check reads: nothing, a random percentage, or part `part` of `of`. */
export type ReadPart =
  | { mode: "none" }
  | { mode: "percent"; percent: number }
  | { mode: "part"; part: number; of: number };

/** `none`, `10%`, `3/30` or `all`: restic's own words for a subset. */
export function describeRead(read: ReadPart): string {
  if (read.mode === "none") return "none";
  if (read.mode === "percent") return read.percent === 100 ? "all" : `${read.percent}%`;
  return read.of === 1 ? "all" : `${read.part}/${read.of}`;
}

/** check prints JSON from 0.18 on; older versions take the flag and print text. */
export function checkArgv(read: ReadPart, limits: Limits): string[] {
  const part = describeRead(read);
  const readData = part === "none" ? [] : [part === "all" ? "--read-data" : `--read-data-subset=${part}`];
  return ["check", "--json", ...readData, ...limitArgs(limits)];
}

export interface CheckSummary {
  errors: number;
  brokenPacks: string[];
  suggestRepairIndex: boolean;
  suggestPrune: boolean;
}

/** The line that ends `check --json` of restic 0.18 and newer; null for any other. */
export function parseCheckSummary(line: string): CheckSummary | null {
  if (!line.startsWith("{")) return null;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  const raw = value as Record<string, unknown>;
  if (raw["message_type"] !== "summary") return null;
  const { num_errors: errors, broken_packs: packs } = raw;
  return {
    errors: Number.isSafeInteger(errors) ? Math.max(0, errors as number) : 0,
    brokenPacks: Array.isArray(packs) ? packs.filter((id) => typeof id === "string" && HEX_64.test(id)) : [],
    suggestRepairIndex: raw["suggest_repair_index"] === true,
    suggestPrune: raw["suggest_prune"] === true,
  };
}

const HEX_64 = /^[0-9a-f]{64}$/;
