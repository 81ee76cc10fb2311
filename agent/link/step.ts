import {
  BACKOFF_RESET_AFTER_MS,
  CLOSE,
  HELLO_WITHIN_MS,
  PING_AFTER_MS,
  PONG_WITHIN_MS,
} from "../../protocol/limits.ts";
import type { ServerMessage } from "../../protocol/wire.ts";
import { backoffMs, describeEnding, floorMs, longestMs, type Ending } from "./backoff.ts";

/**
 * The agent's side of PROTOCOL section 2 as states × events. `socket` numbers the dials: whatever an older one still
 * says is not heard. `attempt` counts tries since the link was last stable.
 */
export type LinkState =
  | { is: "waiting"; socket: number; attempt: number }
  | { is: "dialling"; socket: number; attempt: number }
  | { is: "opened"; socket: number; attempt: number }
  | { is: "greeted"; socket: number; attempt: number }
  | { is: "live"; socket: number; attempt: number }
  | { is: "stopped"; socket: number; attempt: number };

export type LinkTimer = "retry" | "handshake" | "ping" | "pong" | "stable";

export type LinkEvent =
  | { on: "start" }
  | { on: "stop" }
  | { on: "opened"; socket: number }
  | { on: "ended"; socket: number; ending: Ending }
  | { on: "message"; socket: number; message: ServerMessage }
  | { on: "pong"; socket: number }
  /** `silentMs`: how long nothing was sent, or nothing was heard. */
  | { on: "timer"; timer: LinkTimer; silentMs: number }
  /** Records are out and no acknowledgement moves. */
  | { on: "stalled" }
  /** What the hello told has changed. */
  | { on: "renew"; why: string };

export type LinkEffect =
  | { do: "dial"; socket: number }
  /** Ends the present socket and forgets it with its unread input. */
  | { do: "forget"; code: number; reason: string }
  | { do: "sendHello"; nonce: string }
  | { do: "sendPing" }
  /** Keep the join number before anything else, then `joined`, then the spool. */
  | { do: "join"; welcome: Extract<ServerMessage, { type: "welcome" }> }
  | { do: "deliver"; message: ServerMessage }
  | { do: "halveFrames" }
  | { do: "arm"; timer: LinkTimer; afterMs: number }
  | { do: "disarm"; timer: LinkTimer }
  | { do: "note"; text: string };

export const startState: LinkState = { is: "waiting", socket: 0, attempt: 0 };

/** From the start of a dial to the welcome. Longer than the server waits for a hello. */
const HANDSHAKE_MS = HELLO_WITHIN_MS + 20_000;

type Step = { state: LinkState; effects: LinkEffect[] };

/** `random` is 0..1 and jitters the wait. */
export function stepLink(state: LinkState, event: LinkEvent, random: number): Step {
  if (state.is === "stopped") return { state, effects: [] };
  if ("socket" in event && event.socket !== state.socket) return { state, effects: [] };
  switch (event.on) {
    case "start":
      return state.is === "waiting" ? dial(state) : same(state);
    case "stop":
      return { state: { ...state, is: "stopped" }, effects: [...forget(state, 1001, "going away"), ...disarmAll()] };
    case "opened":
      return state.is === "dialling" ? { state: { ...state, is: "opened" }, effects: [] } : same(state);
    case "ended":
      return lost(state, event.ending, random);
    case "stalled":
      return state.is === "live" ? cut(state, "no acknowledgement came for 30 s", random) : same(state);
    case "renew":
      return state.is === "live" ? cut(state, event.why, random) : same(state);
    case "pong":
      return { state, effects: [{ do: "disarm", timer: "pong" }] };
    case "timer":
      return onTimer(state, event, random);
    case "message":
      return onMessage(state, event.message, random);
  }
}

function onTimer(state: LinkState, event: Extract<LinkEvent, { on: "timer" }>, random: number): Step {
  switch (event.timer) {
    case "retry":
      return state.is === "waiting" ? dial(state) : same(state);
    case "handshake":
      return state.is === "live" || state.is === "waiting"
        ? same(state)
        : cut(state, "no welcome came in time", random);
    case "stable":
      return { state: { ...state, attempt: 0 }, effects: [] };
    case "pong":
      return state.is === "live" ? cut(state, "the server does not answer", random) : same(state);
    case "ping":
      if (state.is !== "live") return same(state);
      if (event.silentMs < PING_AFTER_MS)
        return { state, effects: [{ do: "arm", timer: "ping", afterMs: PING_AFTER_MS - event.silentMs }] };
      return {
        state,
        effects: [
          { do: "sendPing" },
          { do: "arm", timer: "pong", afterMs: PONG_WITHIN_MS },
          { do: "arm", timer: "ping", afterMs: PING_AFTER_MS },
        ],
      };
  }
}

function onMessage(state: LinkState, message: ServerMessage, random: number): Step {
  if (message.type === "challenge") {
    if (state.is !== "opened") return cut(state, "a challenge came twice", random);
    return { state: { ...state, is: "greeted" }, effects: [{ do: "sendHello", nonce: message.nonce }] };
  }
  if (message.type === "welcome") {
    if (state.is !== "greeted") return cut(state, "a welcome came without a hello", random);
    return {
      state: { ...state, is: "live" },
      effects: [
        { do: "disarm", timer: "handshake" },
        { do: "join", welcome: message },
        { do: "arm", timer: "stable", afterMs: BACKOFF_RESET_AFTER_MS },
        { do: "arm", timer: "ping", afterMs: PING_AFTER_MS },
      ],
    };
  }
  if (state.is !== "live") return cut(state, `${message.type} came before the welcome`, random);
  return { state, effects: [{ do: "deliver", message }] };
}

function same(state: LinkState): Step {
  return { state, effects: [] };
}

function dial(state: LinkState): Step {
  const socket = state.socket + 1;
  return {
    state: { is: "dialling", socket, attempt: state.attempt },
    effects: [
      { do: "dial", socket },
      { do: "arm", timer: "handshake", afterMs: HANDSHAKE_MS },
    ],
  };
}

/** The relay's word for it, and that of a WebSocket layer or proxy before it (RFC 6455 section 7.4.1). */
const TOO_BIG: ReadonlySet<number> = new Set([CLOSE.tooBig, 1009]);

/** The agent itself ends the socket. */
function cut(state: LinkState, why: string, random: number): Step {
  return lost(state, { kind: "unreachable", why }, random);
}

function lost(state: LinkState, ending: Ending, random: number): Step {
  const afterMs = backoffMs(state.attempt, floorMs(ending), random, longestMs(ending));
  const tooBig = ending.kind === "closed" && TOO_BIG.has(ending.code);
  return {
    // The next dial has a number of its own, so nothing of this socket is heard from here on.
    state: { is: "waiting", socket: state.socket + 1, attempt: state.attempt + 1 },
    effects: [
      ...forget(state, 1000, ""),
      ...disarmAll(),
      ...(tooBig ? [{ do: "halveFrames" } as const] : []),
      { do: "note", text: `not connected: ${describeEnding(ending)}; next try in ${Math.ceil(afterMs / 1000)} s` },
      { do: "arm", timer: "retry", afterMs },
    ],
  };
}

function forget(state: LinkState, code: number, reason: string): LinkEffect[] {
  return state.is === "waiting" ? [] : [{ do: "forget", code, reason }];
}

function disarmAll(): LinkEffect[] {
  return (["retry", "handshake", "ping", "pong", "stable"] as const).map((timer) => ({ do: "disarm", timer }));
}
