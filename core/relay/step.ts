import { CLOSE, MAX_BAD_FRAMES } from "../../protocol/limits.ts";
import type { AgentMessage } from "../../protocol/wire.ts";
import { cancelCommand, queueCommand, sendOwed } from "./commands.ts";
import { loseAgent, stepWake } from "./deadlines.ts";
import { noEffects, type Effects } from "./effects.ts";
import type { RelayEvent } from "./events.ts";
import { protocolMismatch, takeHello } from "./hello.ts";
import { chooseClaimant } from "./host-lock.ts";
import { endByServer } from "./jobs.ts";
import { setApplied, setChanged, setLoaded } from "./pushed-sets.ts";
import { takeRecords, type Refusal } from "./records.ts";
import { isTerminal, type RelayState } from "./state.ts";

/**
 * One event at a relay (PROTOCOL section 8). The same state, event and time always give the same changes. `state` is
 * the caller's draft and is changed in place, for a busy stream must not copy its maps; what is owed is added to
 * `effects`, so that the events of one turn share one save, one commit and one acknowledgement a job.
 */
export function step(state: RelayState, event: RelayEvent, nowMs: number, effects: Effects = noEffects()): Effects {
  switch (event.type) {
    case "agentFrame":
      takeFrame(state, event, nowMs, effects);
      break;
    case "agentOpened":
      effects.attach.push({
        socket: event.socket,
        attachment: {
          kind: "agent",
          phase: "challenged",
          sinceMs: nowMs,
          nonce: event.nonce,
          grant: event.grant,
        },
      });
      effects.send.push({
        to: event.socket,
        message: { type: "challenge", nonce: event.nonce, serverTimeMs: nowMs },
      });
      break;
    case "agentClosed":
      if (event.attachment.phase === "live" && event.attachment.epoch === state.kept.epoch)
        loseAgent(state, event.lastContactMs, effects);
      break;
    case "commandQueued":
      queueCommand(state, event.job, nowMs, effects);
      break;
    case "cancelAsked":
      cancelCommand(state, event.jobId, nowMs, effects);
      break;
    case "setChanged":
      setChanged(state, event.what, nowMs, effects);
      break;
    case "setLoaded":
      setLoaded(state, event.what, event.version, event.messages, effects);
      sendOwed(state, nowMs, effects);
      break;
    case "claimantChosen":
      chooseClaimant(state, event, nowMs, effects);
      break;
    case "wake":
      stepWake(state, event.sockets, nowMs, effects);
      break;
    case "hostRemoved":
      state.live = false;
      for (const job of state.jobs.values())
        if (!isTerminal(job)) endByServer(job, job.sent ? "host.removed" : "cancelled", nowMs, effects);
      for (const socket of event.sockets) effects.close.push({ socket, code: CLOSE.revoked, reason: "revoked" });
      break;
  }
  return effects;
}

type FrameEvent = Extract<RelayEvent, { type: "agentFrame" }>;

function takeFrame(state: RelayState, event: FrameEvent, nowMs: number, effects: Effects): void {
  const { attachment, frame, socket } = event;
  if (attachment.phase === "live" && attachment.epoch !== state.kept.epoch) {
    effects.close.push({ socket, code: CLOSE.superseded, reason: "superseded" });
    return;
  }
  const refusal =
    attachment.phase === "challenged"
      ? takeFirst(state, event, nowMs, effects)
      : takeNext(state, event, nowMs, effects);
  if (refusal) {
    effects.close.push({ socket, ...refusal });
    if (attachment.phase === "live") loseAgent(state, nowMs, effects);
    effects.notes.push({ event: "relay.refused", fields: { ...refusal, frame: frame.kind } });
  }
}

/** Nothing but a hello may come first, and the bearer alone is not enough for it. */
function takeFirst(state: RelayState, event: FrameEvent, nowMs: number, effects: Effects): Refusal | null {
  const { attachment, frame, socket, others } = event;
  if (attachment.phase !== "challenged") throw new Error("a live socket has said hello");
  if (frame.kind === "too-big") return { code: CLOSE.tooBig, reason: "frame over 256 KiB" };
  if (frame.kind === "hello-mismatch") return protocolMismatch(frame.protocol);
  if (frame.kind !== "message" || frame.message.type !== "hello")
    return { code: CLOSE.badFrame, reason: "hello expected" };
  if (!event.proven) return { code: CLOSE.badProof, reason: "bad_proof" };
  return takeHello(state, { hello: frame.message, grant: attachment.grant, socket, others, nowMs }, effects);
}

function takeNext(state: RelayState, event: FrameEvent, nowMs: number, effects: Effects): Refusal | null {
  const { frame } = event;
  switch (frame.kind) {
    case "message":
      return takeMessage(state, event, frame.message, nowMs, effects);
    case "too-big":
      return { code: CLOSE.tooBig, reason: "frame over 256 KiB" };
    case "unknown":
      // A newer agent may say more than this server knows.
      return null;
    case "hello-mismatch":
    case "malformed":
      return countBadFrame(event, frame.kind === "malformed" ? frame.why : "hello", effects);
  }
}

function takeMessage(
  state: RelayState,
  event: FrameEvent,
  message: AgentMessage,
  nowMs: number,
  effects: Effects,
): Refusal | null {
  switch (message.type) {
    case "job.events":
      return takeRecords(state, message, nowMs, effects);
    case "job.progressed":
      if (state.jobs.get(message.jobId)?.state === "running") effects.progress.set(message.jobId, message.progress);
      return null;
    case "joined":
      if (message.join > state.kept.confirmed && message.join <= state.kept.minted) {
        state.kept.confirmed = message.join;
        effects.saveHost = true;
      }
      return null;
    case "schedule.applied":
    case "config.applied":
      setApplied(state, message, effects);
      sendOwed(state, nowMs, effects);
      return null;
    case "unsupported": {
      effects.notes.push({ event: "relay.unsupported", fields: { what: message.what } });
      const job = message.jobId === undefined ? undefined : state.jobs.get(message.jobId);
      if (message.what === "job.start" && job?.sent && !job.accepted && !isTerminal(job))
        endByServer(job, "protocol.unsupported", nowMs, effects);
      return null;
    }
    case "response":
      return null;
    case "hello":
      return countBadFrame(event, "second hello", effects);
  }
}

/** A malformed frame is skipped and counted; the tenth closes the socket. */
function countBadFrame(event: FrameEvent, why: string, effects: Effects): Refusal | null {
  if (event.attachment.phase !== "live") throw new Error("counted only on a live socket");
  const badFrames = event.attachment.badFrames + 1;
  effects.notes.push({ event: "relay.bad_frame", fields: { why, badFrames } });
  effects.attach.push({ socket: event.socket, attachment: { ...event.attachment, badFrames } });
  return badFrames >= MAX_BAD_FRAMES ? { code: CLOSE.badFrame, reason: "malformed frames" } : null;
}
