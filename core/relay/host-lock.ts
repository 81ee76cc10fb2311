import { fail } from "../../protocol/failure.ts";
import { CLOSE } from "../../protocol/limits.ts";
import { noteSeen, openClaims, tellClaims, type Claimant, type Machine } from "./claimants.ts";
import { loseAgent } from "./deadlines.ts";
import type { Effects } from "./effects.ts";
import type { RelayEvent, SocketRef } from "./events.ts";
import type { Refusal } from "./records.ts";
import type { KeptHost, RelayState } from "./state.ts";

/** What a machine hears that is not the right one, or not yet. */
export const LOCKED: Refusal = { code: CLOSE.locked, reason: "locked" };

/** Two machines hold one identity: neither gets a job or a credential until an administrator has picked one. */
export function lockByClone(
  state: RelayState,
  came: { machine: Machine; join: number; others: readonly SocketRef[] },
  nowMs: number,
  effects: Effects,
): void {
  const { kept } = state;
  effects.notes.push({ event: "relay.locked", fields: { join: came.join, confirmed: kept.confirmed } });
  openClaims(kept, came.machine, came.join);
  lock(state, came.others, CLONE_WORDS, nowMs, effects);
  tellClaims(kept, null, effects);
}

const CLONE_WORDS = "Two machines use this host's identity, or its disk was set back to an older state.";

/**
 * An administrator picks the right machine. Its next hello is accepted, whatever join number it has; the others are
 * refused from now on, also one that is connected.
 */
export function chooseClaimant(
  state: RelayState,
  { no, by, sockets }: Extract<RelayEvent, { type: "claimantChosen" }>,
  nowMs: number,
  effects: Effects,
): void {
  const { kept } = state;
  if (!kept.claimants.some((claimant) => claimant.no === no)) {
    effects.answer = fail("request.conflict", "This machine no longer claims to be the host. Reload the page.");
    return;
  }
  if (kept.chosen === no) return;
  if (!kept.locked) {
    // The machine of the earlier choice has had other numbers since.
    const before = kept.claimants.find((claimant) => claimant.no === kept.chosen);
    if (before) before.joins = [kept.confirmed, kept.minted];
    lock(state, sockets, "An administrator chose another machine.", nowMs, effects);
  }
  kept.chosen = no;
  tellClaims(kept, by, effects);
}

/** The chosen machine is here. */
export function unlock(kept: KeptHost, chosen: Claimant, machine: Machine, effects: Effects): void {
  kept.locked = false;
  noteSeen(chosen, machine);
  tellLocked(kept, "The machine that an administrator chose has connected.", machine.lastMs, effects);
  tellClaims(kept, null, effects);
}

function lock(state: RelayState, sockets: readonly SocketRef[], why: string, nowMs: number, effects: Effects): void {
  state.kept.locked = true;
  // What the closed sockets still have to say is not read.
  state.kept.epoch += 1;
  tellLocked(state.kept, why, nowMs, effects);
  for (const socket of sockets) effects.close.push({ socket, ...LOCKED });
  loseAgent(state, nowMs, effects);
}

function tellLocked(kept: KeptHost, why: string, nowMs: number, effects: Effects): void {
  kept.presenceNo += 1;
  effects.saveHost = true;
  effects.facts.push({ fact: "locked", no: kept.presenceNo, locked: kept.locked, atMs: nowMs, why });
}
