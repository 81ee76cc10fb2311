import { PING_TEXT, PONG_TEXT } from "../../protocol/limits.ts";
import {
  encodeAgentMessage,
  parseServerFrame,
  type AgentMessage,
  type Hello,
  type Progress,
  type ServerMessage,
} from "../../protocol/wire.ts";
import type { Journal } from "../jobs/journal.ts";
import type { AgentLog } from "../log.ts";
import type { DialOptions } from "./dial.ts";
import type { JoinStore } from "./join-store.ts";
import { Outflow, type OutgoingJob } from "./outflow.ts";
import { openSocket, type AgentSocket } from "./socket.ts";
import { startState, stepLink, type LinkEffect, type LinkEvent, type LinkTimer } from "./step.ts";

/** Progress is only worth sending while the socket keeps up. */
const PROGRESS_BACKLOG_BYTES = 64 * 1024;
/** Jobs that begin to leave in one turn: each costs a write, and the agent has other things to do. */
const LISTED_AT_ONCE = 32;

export interface LinkOptions {
  url: URL;
  bearer: string;
  dialOptions: DialOptions;
  join: JoinStore;
  journal: Journal;
  log: AgentLog;
  /** A clock that no one sets, for waiting times. */
  monotonicMs(): number;
  /** 0..1. */
  random(): number;
  /** What this agent is, asked before each dial because it may have changed. */
  prepareHello(): Promise<void>;
  /** Signed over the nonce and the join number. */
  hello(nonce: string): Hello;
  /** A command, in the order of arrival; `serverNowMs` is now by the server's clock. */
  onCommand(message: ServerMessage, serverNowMs: number): void;
  onStatus(connected: boolean, why: string): void;
}

/**
 * Carries out what `stepLink` decides: the one place with sockets and timers. It reads one socket; what an older one
 * still had to say is forgotten with it.
 */
export class LinkClient {
  readonly #options: LinkOptions;
  readonly #outflow: Outflow;
  readonly #timers = new Map<LinkTimer | "stall", NodeJS.Timeout>();
  #state = startState;
  #socket: AgentSocket | null = null;
  #closing: Promise<void> = Promise.resolve();
  #sentMs = 0;
  #heardMs = 0;
  /** Server's time less the monotonic clock: the host's own clock may be set while the link stands. */
  #serverAheadMs = 0;
  #sendScheduled = false;
  readonly #drained = new Set<() => void>();

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#outflow = new Outflow(options.monotonicMs);
  }

  start(): void {
    this.#handle({ on: "start" });
  }

  /** Closes the socket cleanly, after what is kept was sent and acknowledged or `graceMs` have passed. */
  async stop(graceMs: number): Promise<void> {
    if (this.#state.is === "live" && !this.#options.journal.isDrained) {
      await new Promise<void>((resolve) => {
        this.#drained.add(resolve);
        setTimeout(resolve, graceMs);
      });
    }
    this.#handle({ on: "stop" });
    this.#clear("stall");
    await this.#closing;
  }

  /** Whether records can leave now. */
  get isLive(): boolean {
    return this.#state.is === "live";
  }

  /** Says hello anew, because what it told has changed; nothing when there is no link. */
  renew(why: string): void {
    this.#handle({ on: "renew", why });
  }

  /** New records of some job can be sent. One send for all that is kept in the same turn. */
  sendSoon(): void {
    if (this.#sendScheduled) return;
    this.#sendScheduled = true;
    setImmediate(() => {
      this.#sendScheduled = false;
      this.#sendRecords();
    });
  }

  /** Best effort: dropped when there is no link or it is behind. */
  progress(jobId: string, progress: Progress): void {
    if (this.#state.is !== "live" || !this.#socket || this.#socket.waitingBytes > PROGRESS_BACKLOG_BYTES) return;
    this.send({ type: "job.progressed", jobId, progress });
  }

  /** Sends on the present socket; nothing when there is none. */
  send(message: AgentMessage): void {
    this.#sendText(encodeAgentMessage(message));
  }

  #sendText(text: string): void {
    if (!this.#socket) return;
    this.#sentMs = this.#options.monotonicMs();
    this.#socket.send(text);
  }

  #handle(event: LinkEvent): void {
    const { state, effects } = stepLink(this.#state, event, this.#options.random());
    this.#state = state;
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: LinkEffect): void {
    switch (effect.do) {
      case "dial":
        void this.#dial(effect.socket);
        return;
      case "forget":
        if (this.#socket) this.#closing = this.#socket.forget(effect.code, effect.reason);
        this.#socket = null;
        this.#clear("stall");
        return;
      case "sendHello":
        this.send(this.#options.hello(effect.nonce));
        return;
      case "sendPing":
        this.#sendText(PING_TEXT);
        return;
      case "join":
        this.#join(effect.welcome);
        return;
      case "deliver":
        this.#deliver(effect.message);
        return;
      case "halveFrames":
        this.#outflow.halveFrames();
        return;
      case "arm":
        this.#arm(effect.timer, effect.afterMs);
        return;
      case "disarm":
        this.#clear(effect.timer);
        return;
      case "note":
        this.#options.log.warn(effect.text);
        this.#options.onStatus(false, effect.text);
        return;
    }
  }

  async #dial(number: number): Promise<void> {
    const { url, bearer, dialOptions } = this.#options;
    try {
      await this.#options.prepareHello();
      const socket = await openSocket(url, bearer, dialOptions, {
        onOpen: () => this.#handle({ on: "opened", socket: number }),
        onText: (text) => this.#read(number, text),
        onEnd: (ending) => this.#handle({ on: "ended", socket: number, ending }),
      });
      if (this.#state.socket === number && this.#state.is === "dialling") this.#socket = socket;
      else await socket.forget(1000, "");
    } catch (error) {
      this.#handle({ on: "ended", socket: number, ending: { kind: "unreachable", why: (error as Error).message } });
    }
  }

  #read(number: number, text: string): void {
    if (number === this.#state.socket) this.#heardMs = this.#options.monotonicMs();
    if (text === PONG_TEXT) {
      this.#handle({ on: "pong", socket: number });
      return;
    }
    if (number !== this.#state.socket) return;
    const parsed = parseServerFrame(text);
    switch (parsed.kind) {
      case "message":
        this.#handle({ on: "message", socket: number, message: parsed.message });
        return;
      case "unknown":
        if (this.#state.is !== "live") return;
        this.send({
          type: "unsupported",
          what: parsed.type,
          ...(parsed.jobId === undefined ? {} : { jobId: parsed.jobId }),
        });
        return;
      case "malformed":
      case "too-big":
      case "hello-mismatch":
        this.#options.log.warn(`a frame of the server was not understood (${parsed.kind})`);
        return;
    }
  }

  /** PROTOCOL section 2: keep the number, say so, drop what the server has, replay the rest. */
  #join(welcome: Extract<ServerMessage, { type: "welcome" }>): void {
    const { join, journal, log } = this.#options;
    if (join.keep(welcome.join)) this.send({ type: "joined", join: welcome.join });
    else log.warn("the join number could not be kept; check the disk of the state folder");
    this.#serverAheadMs = welcome.timeMs - this.#options.monotonicMs();
    for (const [jobId, seq] of Object.entries(welcome.acked)) journal.acknowledge(jobId, seq);
    this.#outflow.restart(welcome.acked);
    log.info(`connected to ${this.#options.url.host}`);
    this.#options.onStatus(true, "");
    this.#sendRecords();
  }

  #deliver(message: ServerMessage): void {
    if (message.type !== "ack") {
      this.#options.onCommand(message, this.#options.monotonicMs() + this.#serverAheadMs);
      return;
    }
    this.#options.journal.acknowledge(message.jobId, message.seq);
    this.#outflow.acknowledged(message.jobId, message.seq);
    if (!this.#options.journal.get(message.jobId)) this.#outflow.forget(message.jobId);
    this.#sendRecords();
    if (this.#drained.size > 0 && this.#options.journal.isDrained) for (const done of this.#drained) done();
  }

  /** What the server may know of first; then, while there is room, the oldest of what it does not know of. */
  #sendRecords(): void {
    if (this.#state.is !== "live") return;
    let jobs = this.#outgoing();
    for (let listed = 0; ;) {
      const frame = this.#outflow.next(jobs);
      if (frame !== null) {
        this.#sendText(frame);
        continue;
      }
      if (this.#outflow.isFull) break;
      if (listed === LISTED_AT_ONCE) {
        this.sendSoon();
        break;
      }
      if (!this.#options.journal.listNext()) break;
      listed += 1;
      jobs = this.#outgoing();
    }
    this.#watchForStall();
  }

  #outgoing(): OutgoingJob[] {
    return this.#options.journal.listed().map(({ entry, spool }) => ({
      jobId: entry.jobId,
      finished: entry.state === "finished",
      spool,
    }));
  }

  #watchForStall(): void {
    const leftMs = this.#outflow.stallInMs();
    if (leftMs === null || this.#timers.has("stall")) return;
    this.#set("stall", leftMs, () => {
      if (this.#outflow.stallInMs() === 0) this.#handle({ on: "stalled" });
      else this.#watchForStall();
    });
  }

  #arm(timer: LinkTimer, afterMs: number): void {
    this.#clear(timer);
    this.#set(timer, afterMs, () => {
      // Progress leaves unanswered: a link on which nothing else moves is asked for a sign of life all the same.
      const silentSinceMs = Math.min(this.#sentMs, this.#heardMs);
      this.#handle({ on: "timer", timer, silentMs: this.#options.monotonicMs() - silentSinceMs });
    });
  }

  #set(timer: LinkTimer | "stall", afterMs: number, task: () => void): void {
    this.#timers.set(
      timer,
      setTimeout(() => {
        this.#timers.delete(timer);
        task();
      }, afterMs),
    );
  }

  #clear(timer: LinkTimer | "stall"): void {
    clearTimeout(this.#timers.get(timer));
    this.#timers.delete(timer);
  }
}
