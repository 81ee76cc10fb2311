import { toBase64url } from "../core/bytes.ts";
import {
  MAX_PENDING_FRAME_BYTES,
  parsePendingAgentMessage,
  pendingProof,
  type PendingServerMessage,
} from "../protocol/announce.ts";
import { CLOSE, HELLO_WITHIN_MS } from "../protocol/limits.ts";
import type { PendingRelayPort } from "../worker/bindings.ts";
import type { PendingOutcome } from "../worker/store/pending-outcome.ts";
import type { PendingGrant, RelayOutside, RelayPlatform, RelaySocket } from "./platform.ts";

/** Sockets of one announcement that have proved nothing yet; one more closes the oldest. */
const MAX_UNPROVEN = 8;

export type PendingOutside = Pick<RelayOutside, "pendingOutcome" | "verify" | "now" | "random" | "log">;

interface PendingAttachment extends PendingGrant {
  nonce: string;
  openedMs: number;
  proven: boolean;
}

/**
 * The sockets of one host that waits to be let in: they prove the announced key, one at a time is kept, and it hears
 * what became of the announcement. Nothing is stored: what the database says and what each socket has proved is all.
 */
export class PendingRelay implements PendingRelayPort {
  readonly #platform: RelayPlatform;
  readonly #outside: PendingOutside;
  /** One answer at a time: each hand-over makes the bearer of the one before worthless. */
  #telling: Promise<void> = Promise.resolve();

  constructor(platform: RelayPlatform, outside: PendingOutside) {
    this.#platform = platform;
    this.#outside = outside;
  }

  /** A socket for an announcement that there is. It is challenged, and hears nothing else before it has proved its key. */
  acceptPending(socket: RelaySocket, grant: PendingGrant): void {
    const unproven = this.#open()
      .filter((other) => !attachmentOf(other).proven)
      .toSorted((a, b) => attachmentOf(a).openedMs - attachmentOf(b).openedMs);
    if (unproven.length >= MAX_UNPROVEN) unproven[0]!.close(CLOSE.slowDown, "too many connections");
    this.#platform.acceptWebSocket(socket);
    const nonce = toBase64url(this.#outside.random(32));
    attach(socket, { ...grant, nonce, openedMs: this.#outside.now(), proven: false });
    say(socket, { type: "challenge", nonce });
    this.#setAlarm();
  }

  webSocketMessage(socket: RelaySocket, frame: string | ArrayBuffer): void {
    if (socket.readyState !== 1) return;
    const attachment = attachmentOf(socket);
    const tooBig = typeof frame === "string" && frame.length > MAX_PENDING_FRAME_BYTES;
    const message = typeof frame === "string" && !tooBig ? parsePendingAgentMessage(frame) : null;
    if (!message?.ok || attachment.proven) {
      socket.close(tooBig ? CLOSE.tooBig : CLOSE.badFrame, tooBig ? "too big" : "bad frame");
      return;
    }
    const { pendingId, signKey, nonce } = attachment;
    if (!this.#outside.verify(signKey, pendingProof(pendingId, nonce), message.value.signature)) {
      socket.close(CLOSE.badProof, "bad proof");
      return;
    }
    for (const other of this.#open()) if (attachmentOf(other).proven) other.close(CLOSE.superseded, "superseded");
    attach(socket, { ...attachment, proven: true });
    this.#setAlarm();
    this.#platform.waitUntil(this.#tell(socket));
  }

  webSocketClose(): void {
    // Nothing is known of a socket but what it carries.
  }

  webSocketError(): void {
    // As above.
  }

  /** Closes who did not prove its key in time, and tells who waits that its hour is over. */
  alarm(): void {
    const nowMs = this.#outside.now();
    for (const socket of this.#open()) {
      const attachment = attachmentOf(socket);
      if (deadlineOf(attachment) > nowMs) continue;
      if (attachment.proven) answer(socket, { type: "expired" });
      else socket.close(CLOSE.silent, "no proof");
    }
    this.#setAlarm();
  }

  async decided(): Promise<void> {
    await Promise.all(
      this.#open()
        .filter((socket) => attachmentOf(socket).proven)
        .map((socket) => this.#tell(socket)),
    );
  }

  /** Says what the database says now. */
  #tell(socket: RelaySocket): Promise<void> {
    this.#telling = this.#telling.then(() => this.#tellNow(socket));
    return this.#telling;
  }

  /** Who cannot be told is sent away and comes back. */
  async #tellNow(socket: RelaySocket): Promise<void> {
    if (socket.readyState !== 1) return;
    const { pendingId } = attachmentOf(socket);
    try {
      answer(socket, await this.#outside.pendingOutcome(pendingId));
    } catch (error) {
      this.#outside.log.error("pending.not_told", { pendingId, error });
      socket.close(1011, "try again");
    }
  }

  #open(): RelaySocket[] {
    return this.#platform.getWebSockets().filter((socket) => socket.readyState === 1);
  }

  #setAlarm(): void {
    const next = Math.min(...this.#open().map((socket) => deadlineOf(attachmentOf(socket))));
    if (Number.isFinite(next)) void this.#platform.storage.setAlarm(next, { allowUnconfirmed: true });
  }
}

function attachmentOf(socket: RelaySocket): PendingAttachment {
  return socket.deserializeAttachment() as PendingAttachment;
}
function attach(socket: RelaySocket, attachment: PendingAttachment): void {
  socket.serializeAttachment(attachment);
}

function deadlineOf({ proven, openedMs, expiresAtMs }: PendingAttachment): number {
  return proven ? expiresAtMs : openedMs + HELLO_WITHIN_MS;
}

function say(socket: RelaySocket, message: PendingServerMessage): void {
  socket.send(JSON.stringify(message));
}

/** Whatever is not `waiting` is the last word. */
function answer(socket: RelaySocket, outcome: PendingOutcome): void {
  if (socket.readyState !== 1) return;
  say(socket, outcome);
  if (outcome.type !== "waiting") socket.close(1000, outcome.type);
}
