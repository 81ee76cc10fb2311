import { batch, computed, effect, signal, type Signal } from "@preact/signals";
import type { FleetSummary, HostResource, JobResource } from "../../protocol/api.ts";
import type { FleetMessage, JobState } from "../../protocol/stream.ts";
import { TERMINAL_STATES } from "../../protocol/stream.ts";
import type { JobKind, Progress } from "../../protocol/wire.ts";
import type { ApiFailure } from "../net/api.ts";
import { api } from "../net/endpoints.ts";
import { openStream, type Link, type Stream } from "../net/stream.ts";
import { learnServerTime, now } from "./clock.ts";
import { createFrameQueue } from "./frame-queue.ts";
import { session } from "./session.ts";

/**
 * What the fleet is now: one signal a host and one a running job, so that a change redraws one row. Frames of the
 * socket are gathered and applied once per animation frame.
 */

export interface ActiveJob {
  jobId: string;
  hostId: string;
  hostName: string;
  kind: JobKind;
  state: JobState;
  progress: Signal<Progress | null>;
}

export const link = signal<Link>({ state: "connecting" });
/** Since when what is shown may be old (the browser's clock); null while the socket is open, or was never. */
export const lostSinceMs = signal<number | null>(null);
export const summary = signal<FleetSummary | null>(null);
/** Hosts by id. The map is replaced when one comes or goes, a host's signal when it changes. */
export const hosts = signal<ReadonlyMap<string, Signal<HostResource>>>(new Map());
/**
 * All hosts as of the last second. What counts, sorts or filters them all follows this, so that a burst of changes moves
 * rows once a second and not once a frame; each row follows its own host at once.
 */
export const settledHosts = signal<readonly HostResource[]>([]);
/** Why the list of hosts could not be loaded; null while it can. */
export const hostsFailure = signal<ApiFailure | null>(null);
export const hostsLoaded = signal(false);
/** Jobs that wait or run, by id. */
export const activeJobs = signal<ReadonlyMap<string, ActiveJob>>(new Map());
export const activeByHost = computed(() => {
  const byHost = new Map<string, ActiveJob>();
  for (const job of activeJobs.value.values()) {
    const other = byHost.get(job.hostId);
    if (!other || other.state === "queued") byHost.set(job.hostId, job);
  }
  return byHost;
});

/** Forgets that the guard holds, newest first. */
export const heldJobs = signal<readonly JobResource[]>([]);

const everyHost = computed(() => [...hosts.value.values()].map((host) => host.value));
effect(() => {
  void now.value;
  void hosts.value;
  settledHosts.value = everyHost.peek();
});

const listeners = new Set<(message: FleetMessage) => void>();
/** Hears every fleet message, once a frame at most; answers how to stop. */
export function onFleetMessage(hear: (message: FleetMessage) => void): () => void {
  listeners.add(hear);
  return () => listeners.delete(hear);
}

const queue = createFrameQueue<FleetMessage>(keyOf, (messages) =>
  batch(() => {
    for (const message of messages) {
      apply(message);
      for (const hear of listeners) hear(message);
    }
  }),
);

// ---- loading -------------------------------------------------------------------------------------------------------

let generation = 0;

/** Loads or reloads everything; the old stays on show until the new is here. */
export async function loadFleet(): Promise<void> {
  const mine = ++generation;
  // A message heard meanwhile is newer than, or already in, what is being loaded: it is applied after.
  queue.hold();
  await Promise.all([loadSummary(), loadActiveJobs(mine), loadHosts(mine), loadHeldJobs()]);
  if (mine === generation) queue.release();
}

async function loadSummary(): Promise<void> {
  const answer = await api.summary();
  if (answer.ok) summary.value = answer.value;
}

async function loadHosts(mine: number): Promise<void> {
  const fresh = new Map<string, Signal<HostResource>>();
  let after: string | undefined;
  do {
    const page = await api.hosts({ limit: "200", after });
    if (mine !== generation) return;
    if (!page.ok) {
      hostsFailure.value = page.failure;
      return;
    }
    for (const host of page.value.items) fresh.set(host.id, upsert(host));
    after = page.value.next;
    // The first load shows each page as it comes; a reload swaps at the end.
    if (!hostsLoaded.peek()) hosts.value = new Map(fresh);
  } while (after !== undefined);
  batch(() => {
    hosts.value = fresh;
    hostsFailure.value = null;
    hostsLoaded.value = true;
  });
}

async function loadActiveJobs(mine: number): Promise<void> {
  const [running, queued] = await Promise.all([
    api.jobs({ state: "running", limit: "200" }),
    api.jobs({ state: "queued", limit: "200" }),
  ]);
  if (mine !== generation || !running.ok || !queued.ok) return;
  const fresh = new Map<string, ActiveJob>();
  for (const job of [...running.value.items, ...queued.value.items]) {
    const known = activeJobs.peek().get(job.id);
    fresh.set(job.id, {
      jobId: job.id,
      hostId: job.hostId,
      hostName: job.hostName,
      kind: job.kind,
      state: job.state,
      progress: known?.progress ?? signal(null),
    });
  }
  activeJobs.value = fresh;
}

async function loadHeldJobs(): Promise<void> {
  const answer = await api.jobs({ state: "held", limit: "50" });
  if (answer.ok) heldJobs.value = answer.value.items;
}

function upsert(host: HostResource): Signal<HostResource> {
  const known = hosts.peek().get(host.id);
  if (!known) return signal(host);
  known.value = host;
  return known;
}

/** A host as another page has just read or changed it. */
export function keepHost(host: HostResource): void {
  const kept = upsert(host);
  if (!hosts.peek().has(host.id)) hosts.value = new Map(hosts.peek()).set(host.id, kept);
}

export function dropHost(hostId: string): void {
  const rest = new Map(hosts.peek());
  if (rest.delete(hostId)) hosts.value = rest;
}

// ---- the live feed -------------------------------------------------------------------------------------------------

/** Messages of one key replace each other while they wait. */
function keyOf(message: FleetMessage): string {
  switch (message.type) {
    case "hello":
      return "hello";
    case "hostChanged":
      return `host ${message.host.id}`;
    case "hostRemoved":
      return `host ${message.hostId}`;
    case "jobChanged":
      return `job ${message.jobId}`;
    case "jobProgressed":
      return `progress ${message.jobId}`;
    case "tokenUsed":
      return `token ${message.tokenId}`;
    case "pendingChanged":
      return "pending";
  }
}

function apply(message: FleetMessage): void {
  switch (message.type) {
    case "hello":
      return learnServerTime(message.timeMs);
    case "hostChanged":
      summarySoon();
      return keepHost(message.host);
    case "hostRemoved":
      summarySoon();
      return dropHost(message.hostId);
    case "jobChanged":
      return applyJob(message);
    case "jobProgressed":
      applyJob({ ...message, state: "running" });
      activeJobs.peek().get(message.jobId)!.progress.value = message.progress;
      return;
    case "tokenUsed":
    case "pendingChanged":
      return;
  }
}

function applyJob(job: { jobId: string; hostId: string; kind: JobKind; state: JobState }): void {
  const known = activeJobs.peek().get(job.jobId);
  if (job.state === "held" || heldJobs.peek().some((held) => held.id === job.jobId)) void loadHeldJobs();
  if (TERMINAL_STATES.has(job.state) || job.state === "unknown" || job.state === "held") {
    summarySoon();
    if (!known) return;
    const rest = new Map(activeJobs.peek());
    rest.delete(job.jobId);
    activeJobs.value = rest;
    return;
  }
  if (known?.state === job.state) return;
  activeJobs.value = new Map(activeJobs.peek()).set(job.jobId, {
    jobId: job.jobId,
    hostId: job.hostId,
    hostName: known?.hostName ?? hosts.peek().get(job.hostId)?.peek().name ?? "a host",
    kind: job.kind,
    state: job.state,
    progress: known?.progress ?? signal(null),
  });
}

const SUMMARY_EVERY_MS = 2000;
/** What changes together is counted together. */
const SUMMARY_SETTLES_MS = 150;
let summaryTimer = 0;
let summaryAskedMs = 0;
/** The counts belong to the server; they are asked for again at once, but at most every two seconds. */
function summarySoon(): void {
  if (summaryTimer !== 0) return;
  summaryTimer = window.setTimeout(
    () => {
      summaryTimer = 0;
      summaryAskedMs = performance.now();
      void loadSummary();
    },
    Math.max(SUMMARY_SETTLES_MS, summaryAskedMs + SUMMARY_EVERY_MS - performance.now()),
  );
}

let stream: Stream | null = null;

effect(() => {
  const signedIn = session.value.state === "signed-in";
  if (signedIn && !stream) {
    stream = openStream({
      path: () => "/ws/fleet",
      onFrame: (frame) => {
        const message = JSON.parse(frame) as FleetMessage;
        // A job that ended must not be taken for running by progress that was told before.
        queue.add(message, message.type === "jobChanged");
      },
      onLink: (next) => {
        link.value = next;
        if (next.state !== "connecting") lostSinceMs.value = next.state === "live" ? null : next.sinceMs;
        // What happened while nobody listened is only in the database; without a socket it is better than nothing.
        if (next.state === "live" || (next.state === "waiting" && !hostsLoaded.peek())) void loadFleet();
      },
    });
  }
  if (!signedIn && stream) {
    stream.close();
    stream = null;
    generation += 1;
    batch(() => {
      hosts.value = new Map();
      activeJobs.value = new Map();
      heldJobs.value = [];
      lostSinceMs.value = null;
      summary.value = null;
      hostsLoaded.value = false;
    });
  }
});
