import { sign } from "../../core/secrets/sign.ts";
import { parsePendingServerMessage, pendingProof, type PendingServerMessage } from "../../protocol/announce.ts";
import { backoffMs, describeEnding, floorMs, type Ending } from "../link/backoff.ts";
import type { DialOptions } from "../link/dial.ts";
import { openSocket, type AgentSocket } from "../link/socket.ts";

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
  /** The server has seen the proof: it counts this host among those who wait. */
  onWaiting(): void;
  /** The connection is gone, and is opened again after a while. */
  onLost(why: string): void;
}

/** A connection that died without a word is noticed by opening a new one this often. */
const RENEW_AFTER_MS = 120_000;

/** Waits on the pending socket, through lost connections, until the server says what became of the announcement. */
export async function waitForDecision(waiting: Waiting): Promise<Decision> {
  let attempt = 0;
  while (!waiting.signal.aborted) {
    const { decision, ending, wasWaiting } = await waitOnce(waiting);
    if (decision) return decision;
    if (wasWaiting) attempt = 0;
    if (!ending) continue;
    // Announcements end by being forgotten: after its hour the server does not know this one.
    if (ending.kind === "refused" && ending.status === 404) return { type: "expired" };
    waiting.onLost(describeEnding(ending));
    await waiting.sleep(backoffMs(attempt++, floorMs(ending), waiting.random()), waiting.signal);
  }
  return { type: "stopped" };
}

interface Wait {
  decision: Decision | null;
  /** Null when the agent itself ended the connection. */
  ending: Ending | null;
  wasWaiting: boolean;
}

type WaitEnd = Pick<Wait, "decision" | "ending">;

/** One connection, from dialling to its end. */
async function waitOnce(waiting: Waiting): Promise<Wait> {
  const over = new AbortController();
  const stop = () => over.abort();
  let wasWaiting = false;
  let end: (end: WaitEnd) => void = () => {};
  const ended = new Promise<WaitEnd>((resolve) => (end = resolve));
  let socket: AgentSocket;
  const onText = (text: string) => {
    const message = parsePendingServerMessage(text);
    if (!message.ok) return end({ decision: null, ending: { kind: "unreachable", why: message.failure.message } });
    switch (message.value.type) {
      case "challenge": {
        const signature = sign(waiting.signKey, pendingProof(waiting.pendingId, message.value.nonce));
        return socket.send(JSON.stringify({ type: "proof", signature }));
      }
      case "waiting":
        if (!wasWaiting) waiting.onWaiting();
        wasWaiting = true;
        return;
      default:
        return end({ decision: message.value, ending: null });
    }
  };
  try {
    socket = await openSocket(waiting.url, null, waiting.dialOptions, {
      onOpen: () => {},
      onText,
      onEnd: (ending) => end({ decision: null, ending }),
    });
  } catch (error) {
    return { decision: null, ending: { kind: "unreachable", why: (error as Error).message }, wasWaiting };
  }
  waiting.signal.addEventListener("abort", stop);
  if (waiting.signal.aborted) stop();
  void waiting.sleep(RENEW_AFTER_MS, over.signal).then(() => end({ decision: null, ending: null }));
  const found = await ended;
  over.abort();
  waiting.signal.removeEventListener("abort", stop);
  await socket.forget(1000, "");
  return { ...found, wasWaiting };
}
