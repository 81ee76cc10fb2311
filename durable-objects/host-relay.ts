import { toBase64url } from "../core/bytes.ts";
import { loseAgent, nextWakeMs } from "../core/relay/deadlines.ts";
import { noEffects, type Effects, type PushedSet } from "../core/relay/effects.ts";
import type { AgentAttachment, AgentContact, RelayEvent } from "../core/relay/events.ts";
import type { ChosenBy } from "../core/relay/facts.ts";
import type { QueuedJob } from "../core/relay/queued-job.ts";
import { isTerminal, type Job, type RelayState } from "../core/relay/state.ts";
import { scheduleSetParts } from "../core/relay/schedule-parts.ts";
import { step } from "../core/relay/step.ts";
import type { Result } from "../protocol/failure.ts";
import { CLOSE, LOG_KEEP_BYTES, SUMMARY_KEEP_MS } from "../protocol/limits.ts";
import type { FleetMessage } from "../protocol/stream.ts";
import { encodeServerMessage, helloProof, parseAgentFrame, type ServerMessage } from "../protocol/wire.ts";
import type { HostRelayPort, LogSlice } from "../worker/bindings.ts";
import { chunksOf, JobLog, recordTexts } from "./job-log.ts";
import { JobStreams, type BrowserAttachment } from "./job-streams.ts";
import type { AgentGrant, BrowserGrant, RelayOutside, RelayPlatform, RelaySocket, TurnMember } from "./platform.ts";
import { RelayRows } from "./relay-rows.ts";

const FACTS_PER_BATCH = 30;
const FLUSH_RETRY_FIRST_MS = 1_000;
const FLUSH_RETRY_MAX_MS = 5 * 60_000;
/** Progress to the dashboards while one watches, and how often the relay asks again whether one does. */
const FLEET_PROGRESS_MS = 2_000;
const FLEET_ASK_MS = 15_000;
/** How stale the last contact kept beside a live socket may be: far below the silence that closes it. */
const NOTE_CONTACT_MS = 20_000;
/** A running job's log is measured again each time it has grown by this much. */
const TRIM_EVERY_UNITS = 8 * 1024 * 1024;

/**
 * The shell of one host's relay: platform events in, effects out. It decides nothing that `step` can decide. Every
 * field is a cache: the object may be dropped and made anew between any two turns.
 */
export class HostRelay implements HostRelayPort, TurnMember {
  readonly #platform: RelayPlatform;
  readonly #outside: RelayOutside;
  readonly #hostId: string;
  #memory: Memory | null = null;

  constructor(platform: RelayPlatform, outside: RelayOutside, hostId: string) {
    this.#platform = platform;
    this.#outside = outside;
    this.#hostId = hostId;
  }

  // ---- sockets ----------------------------------------------------------------------------------------------------

  /** A socket whose bearer was checked. It is challenged; only a good hello makes it the host's. */
  acceptAgent(socket: RelaySocket, grant: AgentGrant): void {
    this.#platform.acceptWebSocket(socket, ["agent"]);
    const nonce = toBase64url(this.#outside.random(32));
    this.#turn({ type: "agentOpened", socket, grant, nonce });
  }

  /** A socket whose session and grant were checked. */
  acceptBrowser(socket: RelaySocket, grant: BrowserGrant): void {
    const memory = this.#recall();
    memory.streams ??= this.#newStreams(memory.log);
    memory.streams.accept(socket, grant);
    this.#find(grant.jobId);
    memory.expiryKnown = false;
    this.#settle();
  }

  webSocketMessage(socket: RelaySocket, frame: string | ArrayBuffer): void {
    const memory = this.#recall();
    const attachment = memory.attachmentOf(socket);
    if (attachment === null || memory.isClosing(socket)) return;
    if (attachment.kind === "browser") {
      if (memory.streams?.takeFrame(socket, attachment, frame) === "renewed") memory.expiryKnown = false;
      this.#find(attachment.jobId);
      this.#settle();
      return;
    }
    memory.lastFrameMs = this.#outside.now();
    if (attachment.phase === "live" && memory.lastFrameMs - attachment.contactMs > NOTE_CONTACT_MS) {
      // An agent that sends frames sends no beats, and memory may go before the next look at its last contact.
      attachment.contactMs = memory.lastFrameMs;
      socket.serializeAttachment(attachment);
    }
    const parsed = typeof frame === "string" ? parseAgentFrame(frame) : ({ kind: "malformed", why: "binary" } as const);
    const hello = parsed.kind === "message" && parsed.message.type === "hello" ? parsed.message : null;
    this.#turn({
      type: "agentFrame",
      socket,
      attachment,
      frame: parsed,
      proven:
        hello !== null &&
        attachment.phase === "challenged" &&
        this.#outside.verify(
          attachment.grant.signKey,
          helloProof(this.#hostId, attachment.nonce, hello.join),
          hello.signature,
        ),
      others: hello ? this.#platform.getWebSockets("agent").filter((other) => other !== socket) : [],
    });
  }

  webSocketClose(socket: RelaySocket): void {
    const memory = this.#recall();
    const attachment = memory.attachmentOf(socket);
    if (attachment?.kind === "agent")
      this.#turn({ type: "agentClosed", socket, attachment, lastContactMs: this.#lastContactMs(socket, attachment) });
    else {
      memory.expiryKnown = false;
      this.#settle();
    }
  }

  webSocketError(socket: RelaySocket): void {
    this.webSocketClose(socket);
  }

  /** The one alarm: whatever is due is found from the state and the sockets. */
  alarm(): void {
    const memory = this.#recall();
    memory.alarmAtMs = null;
    memory.expiryKnown = false;
    this.#turn({ type: "wake", sockets: this.#contacts() });
  }

  // ---- what the rest of the server asks ---------------------------------------------------------------------------

  async enqueue(job: QueuedJob): Promise<Result<null>> {
    return this.#ask({ type: "commandQueued", job });
  }

  async cancel(jobId: string): Promise<Result<null>> {
    return this.#ask({ type: "cancelAsked", jobId });
  }

  async chooseClaimant(no: number, by: ChosenBy): Promise<Result<null>> {
    return this.#ask({ type: "claimantChosen", no, by, sockets: this.#platform.getWebSockets("agent") });
  }

  async configChanged(): Promise<void> {
    await this.#ask({ type: "setChanged", what: "config" });
  }

  async scheduleChanged(): Promise<void> {
    await this.#ask({ type: "setChanged", what: "schedule" });
  }

  async isOnline(): Promise<boolean> {
    const { live } = this.#recall().state;
    this.#settle();
    return live;
  }

  async readLog(jobId: string, afterSeq: number, maxBytes: number): Promise<LogSlice> {
    const { log } = this.#recall();
    const slice: LogSlice = { first: afterSeq + 1, records: [], next: null };
    let size = 0;
    for (let chunk = log.next(jobId, afterSeq); chunk; chunk = log.next(jobId, chunk.last)) {
      if (slice.records.length === 0) slice.first = chunk.first;
      slice.records.push(...recordTexts(chunk));
      size += chunk.body.length;
      slice.next = chunk.last;
      // Behind the mark of a hole the numbers no longer run on.
      if (size >= maxBytes || chunk.records !== chunk.last - chunk.first + 1) break;
    }
    if (slice.next !== null && log.next(jobId, slice.next) === null) slice.next = null;
    this.#settle();
    return slice;
  }

  async closeSession(sessionHash: string): Promise<void> {
    const memory = this.#recall();
    memory.streams?.closeSession(sessionHash);
    memory.expiryKnown = false;
    this.#settle();
  }

  async remove(): Promise<void> {
    const memory = this.#recall();
    memory.removed = true;
    this.#turn({ type: "hostRemoved", sockets: this.#platform.getWebSockets("agent") });
    await this.#platform.storage.sync();
  }

  async #ask(event: RelayEvent): Promise<Result<null>> {
    const { answer } = this.#turn(event);
    await this.#platform.storage.sync();
    return answer;
  }

  // ---- turns ------------------------------------------------------------------------------------------------------

  /** Takes one event; what it owes is carried out at the end of the turn. */
  #turn(event: RelayEvent): Effects {
    const memory = this.#recall();
    for (const jobId of jobsNamedBy(event)) this.#find(jobId);
    memory.effects ??= noEffects();
    const effects = step(memory.state, event, this.#outside.now(), memory.effects);
    this.#settle();
    return effects;
  }

  /** Ends the turn at once, where the platform does not share it among events. */
  #settle(): void {
    if (!this.#platform.joinTurn) this.endTurn();
    else if (!this.#memory?.joined) {
      this.#memory!.joined = true;
      this.#platform.joinTurn(this);
    }
  }

  /** Saves, attaches, sends, closes, sets the alarm, in this order; then what may wait goes on outside the turn. */
  endTurn(): void {
    const memory = this.#memory;
    if (!memory) return;
    const effects = memory.effects ?? noEffects();
    memory.effects = null;
    memory.joined = false;
    try {
      this.#carryOut(memory, effects);
    } catch (error) {
      // The draft has moved on from what is kept: read it again, and let the agent say again what was not.
      this.forget();
      for (const socket of this.#platform.getWebSockets("agent")) socket.close(1011, "turn failed");
      this.#outside.log.error("relay.turn_failed", { hostId: this.#hostId, error });
    }
  }

  forget(): void {
    this.#memory = null;
  }

  #carryOut(memory: Memory, effects: Effects): void {
    const { state, rows, log, streams } = memory;
    const nowMs = this.#outside.now();
    const chunks = chunksOf(effects.append);
    if (memory.removed) rows.wipe();
    else if (effects.saveJobs.size === 0 && chunks.length === 0 && effects.facts.length === 0) {
      if (effects.saveHost) rows.saveHost(state.kept);
    } else
      this.#platform.storage.transactionSync(() => {
        if (effects.saveHost) rows.saveHost(state.kept);
        for (const job of effects.saveJobs) rows.saveJob(job, nowMs);
        for (const chunk of chunks) log.append(chunk, memory.grow(chunk.jobId, chunk.body.length));
        for (const fact of effects.facts) rows.addFact(++memory.lastFactNo, fact);
      });

    for (const { socket, attachment } of effects.attach) {
      (socket as RelaySocket).serializeAttachment(attachment);
      if (attachment.phase === "live" && attachment.epoch === state.kept.epoch) memory.agent = socket as RelaySocket;
    }

    for (const { to, message } of effects.send)
      this.#send(to === "agent" ? memory.agent : (to as RelaySocket), message);
    for (const [jobId, seq] of effects.acks) this.#send(memory.agent, { type: "ack", jobId, seq });
    streams?.greetOpened(state);
    for (const chunk of chunks) streams?.sendChunk(chunk);
    streams?.goOn(state);
    for (const jobId of effects.tellState) {
      const job = state.jobs.get(jobId);
      if (job) streams?.sendState(state, job);
    }
    for (const [jobId, progress] of effects.progress) {
      streams?.sendProgress(jobId, progress);
      const job = state.jobs.get(jobId);
      if (job) this.#tellFleet(memory, job, { progress, nowMs });
    }

    for (const { socket, code, reason } of effects.close) (socket as RelaySocket).close(code, reason);
    if (memory.removed) streams?.closeAll(CLOSE.revoked, "host removed");
    if (!state.live) memory.agent = null;
    for (const { event, fields } of effects.notes) this.#outside.log.info(event, { hostId: this.#hostId, ...fields });

    if (memory.removed) {
      this.forget();
      void this.#platform.storage.deleteAlarm();
      return;
    }
    this.#setAlarm(memory, nowMs);
    for (const what of effects.load) this.#load(what);
    if (memory.lastFactNo > 0 && !memory.flushing && memory.flushAtMs <= nowMs) this.#flushFacts(memory);
    for (const jobId of [...memory.named, ...effects.ended]) {
      const job = state.jobs.get(jobId);
      if (job && isTerminal(job)) state.jobs.delete(jobId);
    }
    memory.named = [];
    if (effects.ended.size > 0 || memory.grownUnits > TRIM_EVERY_UNITS) this.#tidy(memory, effects.ended);
  }

  #send(socket: RelaySocket | null, message: ServerMessage): void {
    if (socket?.readyState === 1) socket.send(encodeServerMessage(message));
  }

  #setAlarm(memory: Memory, nowMs: number): void {
    if (!memory.expiryKnown) {
      memory.nextExpiryMs = memory.streams?.closeExpired(nowMs) ?? null;
      memory.expiryKnown = true;
    }
    const due = [
      nextWakeMs(memory.state, this.#contacts(), memory.nextExpiryMs !== null, nowMs),
      memory.nextExpiryMs,
      memory.lastFactNo > 0 && memory.flushAtMs > nowMs ? memory.flushAtMs : null,
    ].filter((atMs) => atMs !== null);
    const next = due.length === 0 ? null : Math.min(...due);
    if (next === memory.alarmAtMs) return;
    memory.alarmAtMs = next;
    if (next === null) void this.#platform.storage.deleteAlarm({ allowUnconfirmed: true });
    else void this.#platform.storage.setAlarm(next, { allowUnconfirmed: true });
  }

  // ---- outside the turn -------------------------------------------------------------------------------------------

  /** Facts leave for the database in order and are dropped only when it has them. */
  #flushFacts(memory: Memory): void {
    memory.flushing = true;
    const flush = async () => {
      await this.#platform.storage.sync();
      for (;;) {
        const batch = memory.rows.firstFacts(FACTS_PER_BATCH);
        if (batch.length === 0) break;
        await this.#outside.recordFacts(
          this.#hostId,
          batch.map(({ fact }) => fact),
        );
        memory.rows.dropFacts(batch.at(-1)!.no);
      }
      memory.lastFactNo = memory.rows.lastFactNo();
      memory.flushRetryMs = 0;
      memory.flushAtMs = 0;
    };
    const later = (error: unknown) => {
      memory.flushRetryMs = Math.min(Math.max(FLUSH_RETRY_FIRST_MS, memory.flushRetryMs * 2), FLUSH_RETRY_MAX_MS);
      memory.flushAtMs = this.#outside.now() + memory.flushRetryMs;
      this.#outside.log.warn("relay.facts_wait", { hostId: this.#hostId, retryMs: memory.flushRetryMs, error });
    };
    this.#platform.waitUntil(
      flush()
        .catch(later)
        .finally(() => {
          memory.flushing = false;
          if (this.#memory === memory) this.#settle();
        }),
    );
  }

  /** Asks the database for a set; a failure is tried again by the set's own deadline. */
  #load(what: PushedSet): void {
    const ask = async () => {
      await this.#platform.storage.sync();
      if (what === "config") {
        const config = await this.#outside.loadConfig(this.#hostId);
        if (!config) return;
        const messages: ServerMessage[] = [{ type: "config.update", ...config }];
        this.#turn({ type: "setLoaded", what, version: config.version, messages });
      } else {
        const schedules = await this.#outside.loadSchedules(this.#hostId);
        if (!schedules) return;
        const messages = scheduleSetParts(schedules);
        this.#turn({ type: "setLoaded", what, version: schedules.version, messages });
      }
    };
    // One after the other: of two answers the newer must come last.
    const before = this.#memory?.loads?.get(what) ?? Promise.resolve();
    const load = before.then(ask).catch((error: unknown) => {
      this.#outside.log.warn("relay.set_not_loaded", { hostId: this.#hostId, what, error });
    });
    if (this.#memory) (this.#memory.loads ??= new Map()).set(what, load);
    this.#platform.waitUntil(load);
  }

  /** The dashboards get a job's progress every 2 s while one watches; whether one does is asked every 15 s. */
  #tellFleet(memory: Memory, job: Job, { progress, nowMs }: { progress: ProgressOf; nowMs: number }): void {
    if (nowMs < memory.fleetAtMs + (memory.watched ? FLEET_PROGRESS_MS : FLEET_ASK_MS)) return;
    memory.fleetAtMs = nowMs;
    const tell = async () => {
      const { watched } = await this.#outside.publish([
        { type: "jobProgressed", hostId: this.#hostId, jobId: job.jobId, kind: job.kind, progress },
      ]);
      memory.watched = watched;
    };
    this.#platform.waitUntil(
      tell().catch((error: unknown) => {
        this.#outside.log.warn("relay.feed_unreachable", { hostId: this.#hostId, error });
      }),
    );
  }

  /** Compacts the logs of ended jobs and lets the oldest go past 64 MiB a host. */
  #tidy(memory: Memory, ended: ReadonlySet<string>): void {
    for (const jobId of ended) memory.uptos?.delete(jobId);
    memory.grownUnits = 0;
    if (memory.tidying) return;
    memory.tidying = true;
    const { rows, log, state } = memory;
    const tidy = async () => {
      await this.#platform.storage.sync();
      for (const jobId of rows.untidyJobs()) {
        await log.compact(jobId);
        rows.noteLogSize(jobId, log.storedSize(jobId));
      }
      for (const jobId of rows.forgetEnded(this.#outside.now() - SUMMARY_KEEP_MS)) log.drop(jobId);
      const logs = rows.endedLogs();
      const open = [...state.jobs.values()].filter((job) => !isTerminal(job));
      let total = logs.reduce((sum, { size }) => sum + size, 0);
      for (const job of open) total += log.openSize(job.jobId);
      for (const { jobId, size } of logs) {
        if (total <= LOG_KEEP_BYTES) return;
        log.drop(jobId);
        rows.noteLogSize(jobId, 0);
        total -= size;
      }
      if (total > LOG_KEEP_BYTES)
        for (const job of open) log.dropOldest(job.jobId, Math.floor(LOG_KEEP_BYTES / 2 / open.length));
    };
    this.#platform.waitUntil(
      tidy()
        .catch((error: unknown) => {
          this.#outside.log.error("relay.tidy_failed", { hostId: this.#hostId, error });
        })
        .finally(() => {
          memory.tidying = false;
        }),
    );
  }

  // ---- memory -----------------------------------------------------------------------------------------------------

  #recall(): Memory {
    return (this.#memory ??= this.#read());
  }

  #read(): Memory {
    const rows = new RelayRows(this.#platform.storage.sql, this.#hostId);
    const log = new JobLog(this.#platform.storage, this.#hostId);
    const { kept, lastFactNo, hasJobs } = rows.loadHost();
    const state: RelayState = { hostId: this.#hostId, kept, jobs: new Map(), live: false };
    for (const job of hasJobs ? rows.loadOpenJobs() : []) {
      job.acked = Math.max(job.acked, log.tail(job.jobId).last);
      state.jobs.set(job.jobId, job);
    }
    const memory = new Memory(state, rows, log);
    if (this.#platform.getWebSockets("browser").length > 0) memory.streams = this.#newStreams(log);
    memory.lastFactNo = lastFactNo;
    for (const socket of this.#platform.getWebSockets("agent")) {
      const attachment = socket.deserializeAttachment() as AgentAttachment | null;
      if (attachment?.phase === "live" && attachment.epoch === kept.epoch && socket.readyState === 1) {
        memory.agent = socket;
        state.live = true;
      }
    }
    if (!state.live && kept.epoch > 0 && kept.silentSinceMs === null) {
      // Kept as live, with no socket: it went while nobody was here to see it.
      state.live = true;
      loseAgent(state, this.#outside.now(), (memory.effects = noEffects()));
    }
    return memory;
  }

  /** The job, brought into the state for this turn if its verdict is in. */
  #find(jobId: string): void {
    const memory = this.#recall();
    const { state, rows, log } = memory;
    if (!state.jobs.has(jobId)) {
      const ended = rows.loadEndedJob(jobId);
      if (!ended) return;
      ended.acked = Math.max(ended.acked, log.tail(jobId).last);
      state.jobs.set(jobId, ended);
    }
    memory.named.push(jobId);
  }

  #newStreams(log: JobLog): JobStreams {
    return new JobStreams(this.#platform, this.#outside, log);
  }

  #contacts(): AgentContact[] {
    const memory = this.#memory!;
    const contacts: AgentContact[] = [];
    for (const socket of this.#platform.getWebSockets("agent")) {
      const attachment = memory.attachmentOf(socket);
      if (attachment?.kind !== "agent" || socket.readyState !== 1) continue;
      contacts.push({ socket, attachment, lastContactMs: this.#lastContactMs(socket, attachment) });
    }
    return contacts;
  }

  #lastContactMs(socket: RelaySocket, attachment: AgentAttachment): number {
    if (attachment.phase === "challenged") return attachment.sinceMs;
    const answered = this.#platform.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? 0;
    const framed = socket === this.#memory?.agent ? this.#memory.lastFrameMs : 0;
    return Math.max(attachment.contactMs, answered, framed);
  }
}

type ProgressOf = Extract<FleetMessage, { type: "jobProgressed" }>["progress"];

/** What a relay holds in memory between turns: little, for most hosts are idle most of the time. */
class Memory {
  readonly state: RelayState;
  readonly rows: RelayRows;
  readonly log: JobLog;
  /** Null while no browser follows a job of this host. */
  streams: JobStreams | null = null;
  /** What the turn under way owes. */
  effects: Effects | null = null;
  /** Whether the end of this turn is asked for. */
  joined = false;
  /** The live socket. */
  agent: RelaySocket | null = null;
  lastFrameMs = 0;
  alarmAtMs: number | null | undefined = undefined;
  nextExpiryMs: number | null = null;
  expiryKnown = false;
  /** Jobs looked at in this turn: those with a verdict leave at its end. */
  named: string[] = [];
  /** Size of each open job's log, and how much all have grown since it was last measured. */
  uptos: Map<string, number> | null = null;
  grownUnits = 0;
  lastFactNo = 0;
  flushing = false;
  flushAtMs = 0;
  flushRetryMs = 0;
  tidying = false;
  loads: Map<PushedSet, Promise<void>> | null = null;
  watched = false;
  fleetAtMs = 0;
  removed = false;

  constructor(state: RelayState, rows: RelayRows, log: JobLog) {
    this.state = state;
    this.rows = rows;
    this.log = log;
  }

  /** As it will be at the end of the turn. */
  attachmentOf(socket: RelaySocket): AgentAttachment | BrowserAttachment | null {
    const pending = this.effects?.attach.findLast((attach) => attach.socket === socket);
    return pending?.attachment ?? (socket.deserializeAttachment() as AgentAttachment | BrowserAttachment | null);
  }

  /** A socket that this turn closes is read no more. */
  isClosing(socket: RelaySocket): boolean {
    return socket.readyState !== 1 || (this.effects?.close.some((close) => close.socket === socket) ?? false);
  }

  grow(jobId: string, size: number): number {
    this.uptos ??= new Map();
    const upto = (this.uptos.get(jobId) ?? this.log.tail(jobId).upto) + size;
    this.uptos.set(jobId, upto);
    this.grownUnits += size;
    return upto;
  }
}

function jobsNamedBy(event: RelayEvent): readonly string[] {
  switch (event.type) {
    case "commandQueued":
      return [event.job.jobId];
    case "cancelAsked":
      return [event.jobId];
    case "agentFrame": {
      if (event.frame.kind !== "message") return [];
      const { message } = event.frame;
      if (message.type === "hello") return message.jobs.map(({ jobId }) => jobId);
      return "jobId" in message && message.jobId !== undefined ? [message.jobId] : [];
    }
    default:
      return [];
  }
}
