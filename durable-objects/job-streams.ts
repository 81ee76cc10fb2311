import { hasRoom, noteSeen, noteSent, openWindow, type BrowserWindow } from "../core/relay/browser-window.ts";
import type { Job, RelayState } from "../core/relay/state.ts";
import { isTerminal } from "../core/relay/state.ts";
import { readGrant } from "../core/secrets/tokens.ts";
import { BROWSER_WINDOW_BYTES, CLOSE } from "../protocol/limits.ts";
import { parseBrowserFrame, type JobStreamMessage } from "../protocol/stream.ts";
import type { Progress } from "../protocol/wire.ts";
import type { Chunk, JobLog } from "./job-log.ts";
import type { BrowserGrant, RelayOutside, RelayPlatform, RelaySocket } from "./platform.ts";
import { RecentFrames, type RecordsFrame } from "./recent-frames.ts";

/** Rows read with the one a lagging browser of a running job wants next: it wants them too. */
const READ_AHEAD = 15;

/** What survives hibernation beside a browser's socket. */
export interface BrowserAttachment {
  kind: "browser";
  jobId: string;
  userId: string;
  sessionHash: string;
  grantUntilMs: number;
  window: BrowserWindow;
}

/**
 * The browsers that follow this host's jobs: replay from storage, then the same frame for all that are in sync. A slow
 * one is left behind at its window and goes on from storage when it has seen some; it never holds up the agent.
 */
export class JobStreams {
  readonly #platform: RelayPlatform;
  readonly #outside: RelayOutside;
  readonly #log: JobLog;
  /** Last progress of each running job; may vanish, the next one comes within a second. */
  readonly #progress = new Map<string, { progress: Progress; atMs: number }>();

  readonly #recent = new Map<string, RecentFrames>();
  readonly #opened: RelaySocket[] = [];
  readonly #behind = new Set<RelaySocket>();

  constructor(platform: RelayPlatform, outside: RelayOutside, log: JobLog) {
    this.#platform = platform;
    this.#outside = outside;
    this.#log = log;
  }

  accept(socket: RelaySocket, grant: BrowserGrant): void {
    this.#platform.acceptWebSocket(socket, ["browser", grant.jobId]);
    const attachment: BrowserAttachment = {
      kind: "browser",
      jobId: grant.jobId,
      userId: grant.userId,
      sessionHash: grant.sessionHash,
      grantUntilMs: grant.grantUntilMs,
      window: openWindow(grant.afterSeq),
    };
    socket.serializeAttachment(attachment);
    this.#opened.push(socket);
  }

  /** A frame of a browser; answers whether it moved the end of its grant. */
  takeFrame(
    socket: RelaySocket,
    attachment: BrowserAttachment,
    frame: string | ArrayBuffer,
  ): "renewed" | "seen" | "refused" {
    const message = typeof frame === "string" ? parseBrowserFrame(frame) : null;
    if (!message) {
      socket.close(CLOSE.badFrame, "bad_frame");
      return "refused";
    }
    if (message.type === "seen") {
      noteSeen(attachment.window, message.seq);
      socket.serializeAttachment(attachment);
      this.#behind.add(socket);
      return "seen";
    }
    const grant = readGrant(this.#outside.grantKey, message.grant, this.#outside.now());
    if (!grant || grant.userId !== attachment.userId || grant.sessionHash !== attachment.sessionHash) {
      socket.close(CLOSE.badProof, "grant refused");
      return "refused";
    }
    attachment.grantUntilMs = grant.expiresAtMs;
    socket.serializeAttachment(attachment);
    // An eviction between save and send may have swallowed what nothing follows: with each renewal it is told again.
    this.#opened.push(socket);
    return "renewed";
  }

  /** The first frames of browsers that came, or renewed their grant, in this turn: state, then last progress. */
  greetOpened(state: RelayState): void {
    for (const socket of this.#opened.splice(0)) {
      const attachment = socket.deserializeAttachment() as BrowserAttachment;
      const job = state.jobs.get(attachment.jobId);
      // A job that was asked for and not offered yet: its first state is told when it is.
      if (!job) continue;
      socket.send(stateFrame(state, job));
      const last = this.#progress.get(job.jobId);
      if (last) socket.send(progressFrame(last.progress, last.atMs));
      this.#behind.add(socket);
    }
  }

  /** Goes on for browsers that came, or have seen more, in this turn. Only what is kept is read, so save comes first. */
  goOn(state: RelayState): void {
    if (this.#behind.size === 0) return;
    for (const socket of this.#behind) {
      const attachment = socket.deserializeAttachment() as BrowserAttachment;
      const job = state.jobs.get(attachment.jobId);
      if (job) this.#pump(socket, attachment, job.acked);
    }
    this.#behind.clear();
  }

  /** Sends new records of a job; they are kept already. */
  sendChunk(chunk: Chunk): void {
    const followers = this.#platform.getWebSockets(chunk.jobId);
    if (followers.length === 0) {
      this.#recent.delete(chunk.jobId);
      return;
    }
    const recent = this.#recent.get(chunk.jobId) ?? new RecentFrames();
    this.#recent.set(chunk.jobId, recent);
    const frame = recordsFrame(chunk);
    recent.add(frame);
    for (const socket of followers) {
      const attachment = socket.deserializeAttachment() as BrowserAttachment;
      if (attachment.window.cursor === frame.first - 1 && canTake(socket, attachment)) {
        sendFrame(socket, attachment, frame);
      } else this.#pump(socket, attachment, chunk.last);
    }
  }

  sendState(state: RelayState, job: Job): void {
    if (isTerminal(job)) {
      this.#progress.delete(job.jobId);
      this.#recent.delete(job.jobId);
    }
    const followers = this.#platform.getWebSockets(job.jobId);
    if (followers.length === 0) return;
    const frame = stateFrame(state, job);
    for (const socket of followers) socket.send(frame);
  }

  /** Progress is the last value only, and is skipped for a browser whose window is shut. */
  sendProgress(jobId: string, progress: Progress): void {
    const atMs = this.#outside.now();
    this.#progress.set(jobId, { progress, atMs });
    const followers = this.#platform.getWebSockets(jobId);
    if (followers.length === 0) return;
    const frame = progressFrame(progress, atMs);
    for (const socket of followers)
      if (canTake(socket, socket.deserializeAttachment() as BrowserAttachment)) socket.send(frame);
  }

  /** Closes every browser of a session at once. */
  closeSession(sessionHash: string): void {
    for (const socket of this.#platform.getWebSockets("browser")) {
      const attachment = socket.deserializeAttachment() as BrowserAttachment;
      if (attachment.sessionHash === sessionHash) socket.close(CLOSE.badProof, "signed out");
    }
  }

  closeAll(code: number, reason: string): void {
    for (const socket of this.#platform.getWebSockets("browser")) socket.close(code, reason);
  }

  /** Closes browsers whose grant has run out; answers when the next one does. */
  closeExpired(nowMs: number): number | null {
    let next: number | null = null;
    for (const socket of this.#platform.getWebSockets("browser")) {
      if (socket.readyState !== 1) continue;
      const { grantUntilMs } = socket.deserializeAttachment() as BrowserAttachment;
      if (grantUntilMs <= nowMs) socket.close(CLOSE.badProof, "grant expired");
      else if (next === null || grantUntilMs < next) next = grantUntilMs;
    }
    return next;
  }

  /** Sends from storage until the browser is in sync or its window is full. */
  #pump(socket: RelaySocket, attachment: BrowserAttachment, acked: number): void {
    const { window, jobId } = attachment;
    if (window.cursor > acked) window.cursor = acked;
    while (window.cursor < acked && canTake(socket, attachment)) {
      const frame = this.#recent.get(jobId)?.next(window.cursor) ?? this.#read(jobId, window.cursor);
      const firstKept = frame?.first ?? acked + 1;
      if (firstKept > window.cursor + 1) {
        send(socket, { type: "trimmed", firstSeq: firstKept });
        window.cursor = firstKept - 1;
        socket.serializeAttachment(attachment);
      }
      if (frame) sendFrame(socket, attachment, frame);
    }
  }

  #read(jobId: string, afterSeq: number): RecordsFrame | null {
    const chunk = this.#log.next(jobId, afterSeq);
    if (!chunk) return null;
    const frame = recordsFrame(chunk);
    const recent = this.#recent.get(jobId);
    if (recent) {
      recent.add(frame);
      for (const later of this.#log.following(jobId, chunk.last, READ_AHEAD)) recent.add(recordsFrame(later));
    }
    return frame;
  }
}

/** Twice the window waits in the socket only when the browser says "seen" of what it has not read. */
function canTake(socket: RelaySocket, attachment: BrowserAttachment): boolean {
  return (
    socket.readyState === 1 && hasRoom(attachment.window) && (socket.bufferedAmount ?? 0) < 2 * BROWSER_WINDOW_BYTES
  );
}

function send(socket: RelaySocket, message: JobStreamMessage): void {
  socket.send(JSON.stringify(message));
}

/** The cursor moves after the frame went: dying in between repeats a frame, which a browser knows by its seq. */
function sendFrame(socket: RelaySocket, attachment: BrowserAttachment, frame: RecordsFrame): void {
  socket.send(frame.text);
  noteSent(attachment.window, frame.last, frame.text.length);
  socket.serializeAttachment(attachment);
}

/** The mark of a hole counts as one record; what follows it is announced by `trimmed`, as after any other gap. */
function recordsFrame({ first, records, body }: Chunk): RecordsFrame {
  return { first, last: first + records - 1, text: `{"type":"records","first":${first},"records":[${body}]}` };
}

function progressFrame(progress: Progress, atMs: number): string {
  const message: JobStreamMessage = { type: "progress", progress, atMs };
  return JSON.stringify(message);
}

function stateFrame(state: RelayState, job: Job): string {
  const message: JobStreamMessage = {
    type: "state",
    state: job.state,
    ackedSeq: job.acked,
    cancelAsked: job.cancelAsked,
  };
  const { silentSinceMs } = state.kept;
  if (silentSinceMs !== null && !state.live && !isTerminal(job)) message.agentSilentSinceMs = silentSinceMs;
  return JSON.stringify(message);
}
