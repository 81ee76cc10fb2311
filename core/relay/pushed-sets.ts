import { RESEND_FIRST_MS, RESEND_MAX_MS } from "../../protocol/limits.ts";
import type { AgentMessage, Refused, ServerMessage } from "../../protocol/wire.ts";
import type { Effects, PushedSet } from "./effects.ts";
import type { KeptHost, RelayState } from "./state.ts";

/**
 * Credentials and schedules: whole versioned sets that the database owns. The relay keeps no copy: it asks for the
 * set when the agent's version differs, and again until the agent says it has applied it.
 */

/**
 * Whether jobs may go out: the agent says it has the credentials they need. That they were sent proves nothing: a death
 * after the save may have swallowed them while the socket lived on.
 */
export function configIsIn(kept: KeptHost): boolean {
  return !isBehind(kept, "config");
}

/** The database has a new version. */
export function setChanged(state: RelayState, what: PushedSet, nowMs: number, effects: Effects): void {
  state.kept[what].wanted = null;
  state.kept[what].resendMs = 0;
  effects.saveHost = true;
  askIfBehind(state, what, nowMs, effects);
}

/** Compares what the agent has with what the database has, at hello. `told`: a presence fact says the version. */
export function compareSet(
  state: RelayState,
  what: PushedSet,
  versions: { applied: number; stored: number; told: boolean },
  nowMs: number,
  effects: Effects,
): void {
  const set = state.kept[what];
  if (set.applied !== versions.applied) {
    set.applied = versions.applied;
    if (!versions.told) tellApplied(state.kept, what, versions.applied, null, effects);
  }
  if (set.wanted !== null) set.wanted = Math.max(set.wanted, versions.stored);
  set.resendAtMs = null;
  set.resendMs = 0;
  effects.saveHost = true;
  if (isUntold(state.kept, what)) effects.load.add(what);
  else askIfBehind(state, what, nowMs, effects);
}

/** Asks the database for the set if the live agent is behind it. */
export function askIfBehind(state: RelayState, what: PushedSet, nowMs: number, effects: Effects): void {
  const set = state.kept[what];
  if (!state.live || state.kept.locked || !isBehind(state.kept, what)) return;
  set.resendMs = set.resendMs === 0 ? RESEND_FIRST_MS : Math.min(set.resendMs * 2, RESEND_MAX_MS);
  set.resendAtMs = nowMs + set.resendMs;
  effects.saveHost = true;
  effects.load.add(what);
}

/** The set came from the database: it goes to the agent that still needs it. */
export function setLoaded(
  state: RelayState,
  what: PushedSet,
  version: number,
  messages: readonly ServerMessage[],
  effects: Effects,
): void {
  const set = state.kept[what];
  set.wanted = version;
  effects.saveHost = true;
  if (!state.live || state.kept.locked) return;
  if (!isBehind(state.kept, what)) set.resendAtMs = null;
  if (!isBehind(state.kept, what) && !isUntold(state.kept, what)) return;
  for (const message of messages) effects.send.push({ to: "agent", message });
}

type Applied = Extract<AgentMessage, { type: "schedule.applied" | "config.applied" }>;

/** The agent applied a set, but for what it refused of it. */
export function setApplied(state: RelayState, message: Applied, effects: Effects): void {
  const what: PushedSet = message.type === "config.applied" ? "config" : "schedule";
  const set = state.kept[what];
  if (message.refused.length > 0)
    effects.notes.push({ event: `relay.${what}_refused`, fields: { refused: message.refused.slice(0, 20) } });
  set.applied = message.version;
  set.told = message.version;
  if (!isBehind(state.kept, what)) set.resendAtMs = null;
  effects.saveHost = true;
  // Also of a version that a hello told before: only this says what was refused, and that may have changed since.
  tellApplied(state.kept, what, message.version, message.refused, effects);
}

function tellApplied(
  kept: KeptHost,
  what: PushedSet,
  version: number,
  refused: readonly Refused[] | null,
  effects: Effects,
): void {
  kept.presenceNo += 1;
  effects.facts.push({ fact: "applied", no: kept.presenceNo, what, version, refused });
}

/** The agent has the set, but its word on what it refuses of it was lost: at hello it is sent once more, to be told. */
function isUntold(kept: KeptHost, what: PushedSet): boolean {
  const { applied, wanted, told } = kept[what];
  return applied > 0 && applied === wanted && told !== applied && !kept.locked;
}

function isBehind(kept: KeptHost, what: PushedSet): boolean {
  const { applied, wanted } = kept[what];
  return wanted === null || applied < wanted;
}
