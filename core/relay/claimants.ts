import type { ClaimantResource } from "../../protocol/claimants.ts";
import type { Hello } from "../../protocol/wire.ts";
import type { Effects } from "./effects.ts";
import type { ChosenBy } from "./facts.ts";
import type { KeptHost } from "./state.ts";

/** A machine that said a hello of this host, with the host's key. */
export interface Machine {
  /** Those of `SHOWN_FACTS` that it told. */
  facts: Readonly<Record<string, string>>;
  agentVersion: string;
  /** Where its connection came from. */
  address: string;
  /** Its first and its latest hello. */
  firstMs: number;
  lastMs: number;
}

/** One of the machines of which an administrator must pick the right one. */
export interface Claimant extends Machine {
  /** Never given twice, so that an old page cannot name another machine. */
  no: number;
  /** It was the accepted one when the host was locked. */
  held: boolean;
  /** The join numbers its disk may hold: of an accepted machine the one it said, and the one it was given. */
  joins: readonly number[];
}

const SHOWN_FACTS = ["hostname", "hardware", "network", "machineId", "kernel", "distribution"] as const;
const MAX_FACT_LENGTH = 200;
/** The last machine that was accepted, and those before it. */
const MAX_HOLDERS = 3;
const MAX_CLAIMANTS = 6;
/** A claimant that keeps knocking is written down so often. */
const NOTE_AGAIN_MS = 15 * 60_000;

export function machineOf(hello: Hello, address: string, nowMs: number): Machine {
  const facts: Record<string, string> = {};
  for (const name of SHOWN_FACTS) {
    const told = hello.machineFacts[name];
    if (told !== undefined && told !== "") facts[name] = told.slice(0, MAX_FACT_LENGTH);
  }
  const agentVersion = hello.agentVersion.slice(0, MAX_FACT_LENGTH);
  return { facts, agentVersion, address, firstMs: nowMs, lastMs: nowMs };
}

/**
 * What of a machine is its own: a copy of a disk brings machine-id and hostname along, and both are what people change
 * on the copy. They decide only where a machine told nothing of its hardware.
 */
function markOf({ facts }: Machine): string {
  const { hardware = "", network = "", machineId = "", hostname = "" } = facts;
  return JSON.stringify(hardware + network === "" ? [machineId, hostname] : [hardware, network]);
}

/** Remembers who holds the identity now, and since when. */
export function noteHolder(kept: KeptHost, machine: Machine): void {
  const mark = markOf(machine);
  const before = kept.holders.find((holder) => markOf(holder) === mark);
  const others = kept.holders.filter((holder) => holder !== before);
  kept.holders = [...others.slice(1 - MAX_HOLDERS), { ...machine, firstMs: before?.firstMs ?? machine.firstMs }];
}

/**
 * The claimant that says this hello. Claimants with the same facts are told apart by the join number on their disk,
 * which stays what it is as long as they are refused.
 */
export function findClaimant(kept: KeptHost, machine: Machine, join: number): Claimant | null {
  const mark = markOf(machine);
  const alike = kept.claimants.filter((claimant) => markOf(claimant) === mark);
  const exact = alike.find(({ joins }) => joins.includes(join));
  return exact ?? (alike.length === 1 ? alike[0]! : null);
}

/** The machines to pick from when a hello came with a number that is too old: the holder, the one that came, the rest. */
export function openClaims(kept: KeptHost, came: Machine, join: number): void {
  const holder = kept.holders.at(-1);
  const known = kept.holders.find((other) => other !== holder && markOf(other) === markOf(came));
  const refused = kept.claimants.filter(({ no }) => no !== kept.chosen).map((one) => ({ ...one, held: false }));
  const claimants: Claimant[] = [];
  if (holder) claimants.push({ ...holder, no: ++kept.claimNo, held: true, joins: [kept.confirmed, kept.minted] });
  const firstMs = known?.firstMs ?? came.firstMs;
  claimants.push({ ...came, firstMs, no: ++kept.claimNo, held: false, joins: [join] });
  kept.claimants = [...claimants, ...refused].slice(0, MAX_CLAIMANTS);
  kept.chosen = null;
}

/** A machine that is refused knocks: it is listed, and its time is written down now and then. */
export function noteClaimant(
  kept: KeptHost,
  known: Claimant | null,
  came: Machine,
  join: number,
  effects: Effects,
): void {
  if (known) {
    if (came.lastMs - known.lastMs < NOTE_AGAIN_MS) return;
    noteSeen(known, came);
  } else {
    if (kept.claimants.length >= MAX_CLAIMANTS) dropOldest(kept);
    kept.claimants.push({ ...came, no: ++kept.claimNo, held: false, joins: [join] });
  }
  tellClaims(kept, null, effects);
}

/** What it tells now, and when. */
export function noteSeen(known: Claimant, came: Machine): void {
  Object.assign(known, { ...came, firstMs: known.firstMs });
}

/** The one that held the identity and the chosen one stay. */
function dropOldest(kept: KeptHost): void {
  const [oldest] = kept.claimants
    .filter(({ no, held }) => !held && no !== kept.chosen)
    .toSorted((a, b) => a.lastMs - b.lastMs);
  kept.claimants = kept.claimants.filter((claimant) => claimant !== oldest);
}

/** The database hears who claims the host, and by whom one was chosen. */
export function tellClaims(kept: KeptHost, chosenBy: ChosenBy | null, effects: Effects): void {
  kept.presenceNo += 1;
  effects.saveHost = true;
  effects.facts.push({ fact: "claims", no: kept.presenceNo, claimants: kept.claimants.map(shown(kept)), chosenBy });
}

function shown(kept: KeptHost) {
  return (claimant: Claimant): ClaimantResource => ({
    no: claimant.no,
    standing: kept.chosen === null ? "open" : kept.chosen === claimant.no ? "chosen" : "refused",
    held: claimant.held,
    alike: kept.claimants.some((other) => other !== claimant && markOf(other) === markOf(claimant)),
    join: claimant.joins[0]!,
    facts: claimant.facts,
    agentVersion: claimant.agentVersion,
    address: claimant.address,
    firstSeenAtMs: claimant.firstMs,
    lastSeenAtMs: claimant.lastMs,
  });
}
