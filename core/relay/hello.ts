import { CLOSE, PROTOCOL_MIN, PROTOCOL_VERSION } from "../../protocol/limits.ts";
import type { AgentGrant } from "../access/socket-grants.ts";
import type { Hello, HelloJob } from "../../protocol/wire.ts";
import { findClaimant, machineOf, noteClaimant, noteHolder } from "./claimants.ts";
import { sendCancel, sendOwed } from "./commands.ts";
import type { Effects } from "./effects.ts";
import type { SocketRef } from "./events.ts";
import { lockByClone, LOCKED, unlock } from "./host-lock.ts";
import { endByServer, moveJob } from "./jobs.ts";
import { compareSet } from "./pushed-sets.ts";
import type { Refusal } from "./records.ts";
import { isTerminal, type KeptHost, type RelayState } from "./state.ts";

export type JoinVerdict = "clone" | "accepted" | "server-rolled-back";

/**
 * The join rule (PROTOCOL section 2): a number below what is proved to be on the agent's disk can only come from a
 * copy of it; one above all that was given out means that this server was rolled back.
 */
export function judgeJoin(kept: Pick<KeptHost, "confirmed" | "minted">, join: number): JoinVerdict {
  if (join < kept.confirmed) return "clone";
  return join <= kept.minted ? "accepted" : "server-rolled-back";
}

/** The refusal for an agent of another protocol version, with the range this server speaks. */
export function protocolMismatch(protocol: unknown): Refusal {
  const word = typeof protocol === "number" && protocol > PROTOCOL_VERSION ? "too_new" : "too_old";
  return { code: CLOSE.protocolMismatch, reason: `protocol_${word}: ${PROTOCOL_MIN}..${PROTOCOL_VERSION}` };
}

interface Greeting {
  hello: Hello;
  grant: AgentGrant;
  socket: SocketRef;
  others: readonly SocketRef[];
  nowMs: number;
}

/** A hello with a good signature: the one way a socket becomes live. Answers the refusal, if it is one. */
export function takeHello(state: RelayState, greeting: Greeting, effects: Effects): Refusal | null {
  const { kept } = state;
  const { hello, nowMs } = greeting;
  const machine = machineOf(hello, greeting.grant.address, nowMs);
  const claimant = findClaimant(kept, machine, hello.join);
  const isChosen = claimant !== null && claimant.no === kept.chosen;
  // Once one was chosen the others are refused by what they are: a copy's number can be the newer one.
  if (!isChosen && (kept.locked || claimant !== null)) {
    noteClaimant(kept, claimant, machine, hello.join, effects);
    return LOCKED;
  }
  const verdict = kept.locked ? "accepted" : judgeJoin(kept, hello.join);
  if (verdict === "clone") {
    lockByClone(state, { machine, join: hello.join, others: greeting.others }, nowMs, effects);
    return LOCKED;
  }
  if (kept.locked && claimant) unlock(kept, claimant, machine, effects);
  noteHolder(kept, machine);
  if (verdict === "server-rolled-back")
    effects.notes.push({ event: "relay.join_ahead", fields: { join: hello.join, minted: kept.minted } });
  kept.confirmed = hello.join;
  kept.minted = Math.max(kept.minted, hello.join) + 1;
  kept.epoch += 1;
  kept.silentSinceMs = null;
  state.live = true;
  effects.saveHost = true;
  for (const other of greeting.others)
    effects.close.push({ socket: other, code: CLOSE.superseded, reason: "superseded" });
  effects.attach.push({
    socket: greeting.socket,
    attachment: {
      kind: "agent",
      phase: "live",
      epoch: kept.epoch,
      sweepMs: greeting.grant.sweepMs,
      contactMs: nowMs,
      badFrames: 0,
    },
  });
  const told = noteOnline(kept, hello, nowMs, effects);
  const config = { applied: hello.configVersion, stored: greeting.grant.configVersion, told };
  compareSet(state, "config", config, nowMs, effects);
  const schedule = { applied: hello.scheduleVersion, stored: greeting.grant.scheduleVersion, told };
  compareSet(state, "schedule", schedule, nowMs, effects);
  effects.send.push({
    to: "agent",
    message: {
      type: "welcome",
      join: kept.minted,
      acked: Object.fromEntries(hello.jobs.map(({ jobId }) => [jobId, state.jobs.get(jobId)?.acked ?? 0])),
      scheduleVersion: kept.schedule.wanted ?? greeting.grant.scheduleVersion,
      configVersion: kept.config.wanted ?? greeting.grant.configVersion,
      timeMs: nowMs,
    },
  });
  settleByHello(state, hello.jobs, nowMs, effects);
  for (const job of state.jobs.values()) if (!isTerminal(job)) effects.tellState.add(job.jobId);
  return null;
}

/**
 * Presence changes on transitions only; a restarted agent that tells the same of itself writes nothing. Answers whether
 * the database is told, versions included.
 */
function noteOnline(kept: KeptHost, hello: Hello, nowMs: number, effects: Effects): boolean {
  const { agentVersion, resticVersion, os, arch, machineFacts } = hello;
  const policy = hello.policy ?? null;
  const about = JSON.stringify({ agentVersion, resticVersion, os, arch, machineFacts, policy });
  if (kept.online && kept.about === about) return false;
  kept.online = true;
  kept.about = about;
  kept.presenceNo += 1;
  effects.facts.push({
    fact: "presence",
    no: kept.presenceNo,
    online: true,
    atMs: nowMs,
    about: {
      agentVersion,
      resticVersion,
      os,
      arch,
      machineFacts,
      clockSkewMs: hello.timeMs - nowMs,
      scheduleVersion: hello.scheduleVersion,
      configVersion: hello.configVersion,
      policy,
    },
  });
  return true;
}

/**
 * A hello is a barrier: no start sent on an older socket can be read any more, and its list of jobs is complete
 * (PROTOCOL section 4.4). What it lists goes on; what it lacks is settled or sent again.
 */
function settleByHello(state: RelayState, listed: readonly HelloJob[], nowMs: number, effects: Effects): void {
  const onHost = new Map(listed.map((job) => [job.jobId, job.state]));
  for (const job of state.jobs.values()) {
    if (isTerminal(job) || !job.sent) continue;
    const said = onHost.get(job.jobId);
    if (said !== undefined) {
      if (!job.accepted) {
        job.accepted = true;
        job.spec = null;
        job.lent = null;
        job.resendAtMs = null;
        effects.saveJobs.add(job);
      }
      if (job.state === "unknown") moveJob(job, said === "queued" ? "queued" : "running", nowMs, effects);
      if (job.cancelAsked) sendCancel(job, nowMs, effects);
    } else if (job.accepted) endByServer(job, "job.lost", nowMs, effects);
    else if (job.cancelAsked) endByServer(job, "cancelled", nowMs, effects);
    else if (job.notAfterMs === null || job.notAfterMs <= nowMs) endByServer(job, "job.expired", nowMs, effects);
    else {
      if (job.state === "unknown") moveJob(job, "queued", nowMs, effects);
      // Not before the credentials: sendOwed takes it from here.
      job.sent = false;
      job.resendMs = 0;
      job.resendAtMs = null;
      effects.saveJobs.add(job);
    }
  }
  sendOwed(state, nowMs, effects);
}
