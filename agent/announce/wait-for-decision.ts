import { sign } from "../../core/secrets/sign.ts";
import { parsePendingServerMessage, pendingProof, type PendingServerMessage } from "../../protocol/announce.ts";
import { backoffMs, describeEnding, floorMs, type Ending } from "../link/backoff.ts";
import type { DialOptions } from "../link/dial.ts";
import { openSocket } from "../link/socket.ts";

/** What became of an announcement. `stopped`: whoever runs the agent did not want to wait any longer. */
export type Decision =
  | Extract<PendingServerMessage, { type: "accepted" | "rejected" | "expired" }>
  | { type: "stopped" };

export interface Waiting {
  /** The pending socket, with the announcement's id. */
  url: URL;
  pendingId: string;
  signKey: Uint8Array;
  dialOptions: DialOptions;
  /** 0..1. */
  random(): number;
  /** Settles after that time, or at once when `signal` is or gets aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Ends the wait. */
  signal: AbortSignal;
  /** The server has seen the proof, for the first time or after a loss. */
  onWaiting(): void;
  /** The connection is gone, and is opened again until it holds; said once for each reason. */
  onLost(why: string): void;
}

/**
 * A new connection this often: one that died without a word is noticed, and none is idle for as long as proxies allow,
 * which is a minute in most.
 */
const RENEW_AFTER_MS = 45_000;

/** Waits on the pending socket, through lost connections, until the server says what became of the announcement. */
export async function waitForDecision(waiting: Waiting): Promise<Decision> {
  let attempt = 0;
  let lost: string | null = "not connected yet";
  const onProven = () => {
    if (lost !== null) waiting.onWaiting();
    lost = null;
  };
  while (!waiting.signal.aborted) {
    const { decision, ending } = await waitOnce(waiting, onProven);
    if (decision) return decision;
    if (!ending) {
      // It held until it was renewed, so the next loss is a new one.
      attempt = 0;
      continue;
    }
    // Announcements end by being forgotten: after its hour the server does not know this one.
    if (ending.kind === "refused" && ending.status === 404) return { type: "expired" };
    const why = describeEnding(ending);
    if (why !== lost) waiting.onLost(why);
    lost = why;
    await waiting.sleep(backoffMs(attempt++, floorMs(ending), waiting.random()), waiting.signal);
  }
  return { type: "stopped" };
}

interface WaitEnd {
  decision: Decision | null;
  /** Null when the agent itself ended the connection. */
  ending: Ending | null;
}

/** One connection, from dialling to its end. */
async function waitOnce(waiting: Waiting, onProven: () => void): Promise<WaitEnd> {
  const over = new AbortController();
  let end: (end: WaitEnd) => void = () => {};
  const ended = new Promise<WaitEnd>((resolve) => (end = resolve));
  const onText = (text: string) => {
    const message = parsePendingServerMessage(text);
    if (!message.ok) return end({ decision: null, ending: { kind: "unreachable", why: message.failure.message } });
    switch (message.value.type) {
      case "challenge": {
        const signature = sign(waiting.signKey, pendingProof(waiting.pendingId, message.value.nonce));
        return void opening.then((socket) => socket?.send(JSON.stringify({ type: "proof", signature })));
      }
      case "waiting":
        return onProven();
      default:
        return end({ decision: message.value, ending: null });
    }
  };
  const opening = openSocket(waiting.url, null, waiting.dialOptions, {
    onOpen: () => {},
    onText,
    onEnd: (ending) => end({ decision: null, ending }),
  }).catch((error: Error) => end({ decision: null, ending: { kind: "unreachable", why: error.message } }));
  const signal = AbortSignal.any([waiting.signal, over.signal]);
  void waiting.sleep(RENEW_AFTER_MS, signal).then(() => end({ decision: null, ending: null }));
  const found = await ended;
  over.abort();
  // Not waited for: who stops must not be held up by a server that does not answer.
  void opening.then((socket) => socket?.forget(1000, ""));
  return found;
}
