import type { ClaimantResource } from "../../protocol/claimants.ts";

/** A fact in words, and what each claimant told of it, in their order; "" = not told. */
export interface FactRow {
  word: string;
  values: string[];
}

const FACTS: readonly [word: string, value: (claimant: ClaimantResource) => string][] = [
  ["Host name", ({ facts }) => facts["hostname"] ?? ""],
  ["Address", ({ address }) => address],
  ["Hardware", ({ facts }) => shortHash(facts["hardware"])],
  ["Network card", ({ facts }) => shortHash(facts["network"])],
  ["Machine id", ({ facts }) => shortHash(facts["machineId"])],
  ["System", ({ facts }) => [facts["distribution"], facts["kernel"]].filter((part) => part !== undefined).join(", ")],
  ["Agent", ({ agentVersion }) => agentVersion],
  ["Connections", ({ join }) => String(join)],
];

/** What tells the claimants apart, and what is the same for all of them. What nobody told is left out. */
export function factRows(claimants: readonly ClaimantResource[]): { differ: FactRow[]; same: FactRow[] } {
  const rows = FACTS.map(([word, value]) => ({ word, values: claimants.map(value) })).filter(({ values }) =>
    values.some((value) => value !== ""),
  );
  const isSame = ({ values }: FactRow) => values.length > 1 && new Set(values).size === 1;
  return { differ: rows.filter((row) => !isSame(row)), same: rows.filter(isSame) };
}

/** What a claimant is called: by its host name, else by where it comes from. */
export function claimantName({ facts, address, no }: ClaimantResource): string {
  return facts["hostname"] ?? (address === "" ? `machine ${no}` : address);
}

/** Enough of a hash to see that two differ. */
function shortHash(hash: string | undefined): string {
  return hash?.slice(0, 8) ?? "";
}
