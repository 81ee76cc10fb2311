import { CLOSE, HELLO_WITHIN_MS, HOST_LOST_MS, LEASE_MS, OFFLINE_AFTER_MS } from "../../protocol/limits.ts";
import { resendDue } from "./commands.ts";
import type { Effects } from "./effects.ts";
import type { AgentContact } from "./events.ts";
import { endByServer, moveJob } from "./jobs.ts";
import { askIfBehind } from "./pushed-sets.ts";
import { isTerminal, type RelayState } from "./state.ts";

/** How often the alarm looks at a live socket while a job runs or a console watches. */
const BUSY_CHECK_MS = 60_000;

/** Does what is due. Waking early, late or twice is harmless. */
export function stepWake(state: RelayState, sockets: readonly AgentContact[], nowMs: number, effects: Effects): void {
  closeSilent(state, sockets, nowMs, effects);
  const { kept } = state;
  if (kept.silentSinceMs !== null) {
    if (kept.online && nowMs >= kept.silentSinceMs + OFFLINE_AFTER_MS) {
      kept.online = false;
      kept.presenceNo += 1;
      effects.saveHost = true;
      effects.facts.push({
        fact: "presence",
        no: kept.presenceNo,
        online: false,
        atMs: kept.silentSinceMs,
        about: null,
      });
    }
    for (const job of state.jobs.values()) {
      if (isTerminal(job) || !job.sent) continue;
      if (nowMs >= kept.silentSinceMs + HOST_LOST_MS) endByServer(job, "host.lost", nowMs, effects);
      else if (nowMs >= kept.silentSinceMs + LEASE_MS) moveJob(job, "unknown", nowMs, effects);
    }
  }
  for (const job of state.jobs.values()) {
    if (!isTerminal(job) && !job.sent && job.notAfterMs !== null && nowMs >= job.notAfterMs)
      endByServer(job, "job.expired", nowMs, effects);
  }
  for (const what of ["config", "schedule"] as const) {
    const due = kept[what].resendAtMs;
    if (state.live && due !== null && due <= nowMs) askIfBehind(state, what, nowMs, effects);
  }
  resendDue(state, nowMs, effects);
}

function closeSilent(state: RelayState, sockets: readonly AgentContact[], nowMs: number, effects: Effects): void {
  for (const { socket, attachment, lastContactMs } of sockets) {
    if (attachment.phase === "challenged") {
      if (nowMs >= attachment.sinceMs + HELLO_WITHIN_MS)
        effects.close.push({ socket, code: CLOSE.silent, reason: "no hello" });
      continue;
    }
    if (attachment.epoch !== state.kept.epoch || !state.live) continue;
    if (nowMs > lastContactMs + OFFLINE_AFTER_MS) {
      effects.close.push({ socket, code: CLOSE.silent, reason: "silent" });
      loseAgent(state, lastContactMs, effects);
    } else if (lastContactMs > attachment.contactMs) {
      effects.attach.push({ socket, attachment: { ...attachment, contactMs: lastContactMs } });
    }
  }
}

/** The live socket is gone: the clocks of silence start at its last contact. */
export function loseAgent(state: RelayState, lastContactMs: number, effects: Effects): void {
  if (!state.live) return;
  state.live = false;
  state.kept.silentSinceMs = lastContactMs;
  effects.saveHost = true;
  for (const job of state.jobs.values()) if (!isTerminal(job)) effects.tellState.add(job.jobId);
}

/**
 * When the relay must next be woken, null when never. A deadline, not a period: the same state and sockets answer the
 * same time, but for the look at a live socket, which is counted from `nowMs`.
 */
export function nextWakeMs(
  state: RelayState,
  sockets: readonly AgentContact[],
  watched: boolean,
  nowMs: number,
): number | null {
  let next = Number.POSITIVE_INFINITY;
  const { kept } = state;
  for (const { attachment } of sockets) {
    if (attachment.phase === "challenged") next = Math.min(next, attachment.sinceMs + HELLO_WITHIN_MS);
    else if (attachment.sweepMs > 0) {
      const busy = watched || state.jobs.size > 0;
      next = Math.min(next, nowMs + (busy ? Math.min(BUSY_CHECK_MS, attachment.sweepMs) : attachment.sweepMs));
    }
  }
  if (kept.silentSinceMs !== null && kept.online) next = Math.min(next, kept.silentSinceMs + OFFLINE_AFTER_MS);
  if (state.live) {
    for (const due of [kept.config.resendAtMs, kept.schedule.resendAtMs]) if (due !== null) next = Math.min(next, due);
  }
  for (const job of state.jobs.values()) {
    if (isTerminal(job)) continue;
    if (!job.sent) {
      if (job.notAfterMs !== null) next = Math.min(next, job.notAfterMs);
    } else if (kept.silentSinceMs !== null) {
      next = Math.min(next, kept.silentSinceMs + (job.state === "unknown" ? HOST_LOST_MS : LEASE_MS));
    }
    if (state.live && job.resendAtMs !== null) next = Math.min(next, job.resendAtMs);
  }
  return next === Number.POSITIVE_INFINITY ? null : next;
}
