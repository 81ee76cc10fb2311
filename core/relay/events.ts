import type { QueuedJob } from "./queued-job.ts";
import type { AgentGrant } from "../access/socket-grants.ts";
import type { AgentMessage, Parsed } from "../../protocol/wire.ts";
import type { ServerMessage } from "../../protocol/wire.ts";
import type { ChosenBy } from "./facts.ts";
import type { PushedSet } from "./effects.ts";

/** A socket of the shell. The step never looks inside: it names the socket in its effects. */
export type SocketRef = object;

/** What survives hibernation beside an agent's socket. */
export type AgentAttachment =
  | { kind: "agent"; phase: "challenged"; sinceMs: number; nonce: string; grant: AgentGrant }
  | {
      kind: "agent";
      phase: "live";
      epoch: number;
      /** Period of the half-open check; 0 = the platform looks by itself. */
      sweepMs: number;
      /** Last contact known when this was written. */
      contactMs: number;
      badFrames: number;
    };

export type RelayEvent =
  | { type: "agentOpened"; socket: SocketRef; grant: AgentGrant; nonce: string }
  | {
      type: "agentFrame";
      socket: SocketRef;
      attachment: AgentAttachment;
      frame: Parsed<AgentMessage>;
      /** For a hello: whether its signature fits the key and the nonce of this socket. */
      proven: boolean;
      /** Every other agent socket of the host, the challenged ones too. */
      others: readonly SocketRef[];
    }
  | { type: "agentClosed"; socket: SocketRef; attachment: AgentAttachment; lastContactMs: number }
  | { type: "commandQueued"; job: QueuedJob }
  | { type: "cancelAsked"; jobId: string }
  | { type: "setChanged"; what: PushedSet }
  | { type: "setLoaded"; what: PushedSet; version: number; messages: readonly ServerMessage[] }
  | { type: "claimantChosen"; no: number; by: ChosenBy; sockets: readonly SocketRef[] }
  | { type: "wake"; sockets: readonly AgentContact[] }
  | { type: "hostRemoved"; sockets: readonly SocketRef[] };

/** An agent socket as the alarm finds it; `lastContactMs` = newest frame or automatic answer. */
export interface AgentContact {
  socket: SocketRef;
  attachment: AgentAttachment;
  lastContactMs: number;
}
