import { Agent, request } from "undici";
import { fingerprintOf } from "../../core/enrollment/fingerprint.ts";
import { makeSignPair, sign } from "../../core/secrets/sign.ts";
import { pendingProof, type AnnounceBody, type Announced } from "../../protocol/announce.ts";
import type { Problem } from "../../protocol/api.ts";
import { AGENT_SUBPROTOCOL } from "../../protocol/limits.ts";
import { announcementBody } from "./announcing-agent.ts";
import { dial, open, type Dialled, type WireSocket } from "./wire-socket.ts";
import { enrollmentBody, random } from "./wire-agent.ts";

/** A host without an agent that announces itself: a test says each of its words. */
export interface AnnouncingHost {
  readonly secretKey: Uint8Array;
  readonly body: AnnounceBody;
  /** 64 hex digits. */
  readonly fingerprint: string;
}

export function announcingHost(hostname: string, secretKey: Uint8Array = random(32)): AnnouncingHost {
  const body = announcementBody(
    { random },
    { hostname },
    makeSignPair(() => secretKey),
  );
  return { secretKey, body, fingerprint: fingerprintOf(body.signKey) };
}

export type Answer<T> = { status: number; value: T; problem: null } | { status: number; value: null; problem: Problem };

/** Where requests come from: an address of this machine's loopback network, and headers that say something else. */
export interface Origin {
  localAddress?: string;
  headers?: Record<string, string>;
}

export async function postAnnouncement(origin: string, body: unknown, from: Origin = {}): Promise<Answer<Announced>> {
  const dispatcher = new Agent(from.localAddress === undefined ? {} : { localAddress: from.localAddress });
  try {
    const answer = await request(`${origin}/api/agents/announce`, {
      method: "POST",
      headers: { "content-type": "application/json", ...from.headers },
      body: JSON.stringify(body),
      dispatcher,
    });
    const status = answer.statusCode;
    const parsed = await answer.body.json();
    return status < 300
      ? { status, value: parsed as Announced, problem: null }
      : { status, value: null, problem: parsed as Problem };
  } finally {
    await dispatcher.close();
  }
}

/** Announces the host; a refusal is a failed test. */
export async function announced(origin: string, host: AnnouncingHost, from: Origin = {}): Promise<Announced> {
  const { status, value, problem } = await postAnnouncement(origin, host.body, from);
  if (!value) throw new Error(`the announcement was refused: ${status} ${problem.detail}`);
  return value;
}

export function dialPending(origin: string, pendingId: string): Promise<Dialled> {
  return dial(pendingAddress(origin, pendingId), [AGENT_SUBPROTOCOL], {});
}

/** A pending socket that has been challenged and has said nothing yet. */
export async function openPending(origin: string, pendingId: string): Promise<{ socket: WireSocket; nonce: string }> {
  const socket = await open(pendingAddress(origin, pendingId), [AGENT_SUBPROTOCOL], {});
  const { nonce } = await socket.message<{ nonce: string }>("challenge");
  return { socket, nonce };
}

export function proofFrame(host: Pick<AnnouncingHost, "secretKey">, pendingId: string, nonce: string): string {
  return JSON.stringify({ type: "proof", signature: sign(host.secretKey, pendingProof(pendingId, nonce)) });
}

/** A pending socket on which the host has proved its key. */
export async function provenSocket(origin: string, host: AnnouncingHost, pendingId: string): Promise<WireSocket> {
  const { socket, nonce } = await openPending(origin, pendingId);
  socket.send(proofFrame(host, pendingId, nonce));
  return socket;
}

/** What an administrator sends to accept a host, with a part of the fingerprint as its terminal shows it. */
export function acceptBody(fingerprint: string, hostName: string, over: Record<string, unknown> = {}) {
  return { fingerprint, ...enrollmentBody(hostName, over) };
}

function pendingAddress(origin: string, pendingId: string): string {
  return `${origin.replace("http", "ws")}/ws/agent/pending?id=${pendingId}`;
}
