import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import { WebSocket } from "ws";
import { BROWSER_SUBPROTOCOL, GRANT_SUBPROTOCOL_PREFIX } from "../protocol/limits.ts";
import type { JobRecord, JobSpec } from "../protocol/wire.ts";
import { startCeiling } from "./ceiling.ts";
import type { Child } from "./child.ts";
import { connectAgent, inFlight, makeHosts, type LiveAgent, type SimulatedHost } from "./fleet.ts";
import { startProductServer } from "./product-server.ts";
import { abba, atMost, best, percentile, shown, type Row } from "./row.ts";

const count = 1000;
const clicks = 300;
const everyMs = 50;
const hourMs = 3600_000;

interface Measured {
  p50Ms: number;
  p95Ms: number;
  loopP99Ms: number;
  memoryMib: number;
}

/** A fleet and a way to click: settles when a browser has seen the job start. */
interface Scene {
  child: Child;
  click(index: number): Promise<void>;
  /** One host fires an hourly backup of its own: the work that goes on beside the clicks. */
  fire(index: number): void;
  stop(): Promise<void>;
}

/**
 * (f) 1,000 agents with hourly schedules on one self-hosted server. A click is the POST that asks for a job; it ends
 * when a browser sees the job run: on both sides one row kept for the question and one for the agent's answer.
 */
export async function click(): Promise<Row[]> {
  const measured = await abba<Measured>({ product: () => run(productScene), ceiling: () => run(ceilingScene) });
  const of = (side: Measured[], figure: keyof Measured) => best(side.map((one) => one[figure]));
  const row = (name: string, unit: string, figure: keyof Measured) =>
    shown(name, unit, of(measured.product, figure), of(measured.ceiling, figure));
  return [
    atMost(
      "f. Run now, click to job.started, p95",
      "ms",
      of(measured.product, "p95Ms"),
      of(measured.ceiling, "p95Ms"),
      3,
    ),
    row("f. Run now, click to job.started, p50", "ms", "p50Ms"),
    row("f. event loop of the server, p99", "ms", "loopP99Ms"),
    row("f. memory of the server with 1,000 agents", "MiB", "memoryMib"),
  ];
}

async function run(make: () => Promise<Scene>): Promise<Measured> {
  const scene = await make();
  try {
    let fired = 0;
    const hourly = setInterval(() => scene.fire(fired++ % count), hourMs / count);
    for (let i = 0; i < 30; i++) await scene.click(i);
    await scene.child.watchLoop();
    const took: number[] = [];
    for (let i = 0; i < clicks; i++) {
      const began = performance.now();
      await scene.click((i * 7) % count);
      took.push(performance.now() - began);
      await sleep(everyMs);
    }
    clearInterval(hourly);
    const loopP99Ms = await scene.child.loopP99Ms();
    return {
      p50Ms: percentile(took, 0.5),
      p95Ms: percentile(took, 0.95),
      loopP99Ms,
      memoryMib: scene.child.anonymousKib() / 1024,
    };
  } finally {
    await scene.stop();
  }
}

async function productScene(): Promise<Scene> {
  const hosts = makeHosts(count);
  const server = await startProductServer(hosts);
  const agents: LiveAgent[] = [];
  await inFlight(hosts, 64, async (host) => {
    const agent = await connectAgent(server.origin, host);
    agents[hosts.indexOf(host)] = agent;
    agent.onMessage((message) => {
      if (message.type === "job.start") answer(agent, message.jobId, message.spec);
    });
  });
  const { grant } = await server.api.send<{ grant: string }>("POST", "/api/grants");
  const browser = new WebSocket(
    `${server.origin.replace("http", "ws")}/ws/fleet`,
    [BROWSER_SUBPROTOCOL, GRANT_SUBPROTOCOL_PREFIX + grant],
    { headers: { cookie: server.api.cookie(), origin: server.origin }, perMessageDeflate: false },
  );
  const renew = setInterval(() => {
    void server.api
      .send<{ grant: string }>("POST", "/api/grants")
      .then((fresh) => browser.send(JSON.stringify({ type: "renew", grant: fresh.grant })));
  }, 30_000);
  const started = new Started();
  browser.on("message", (data: Buffer) => {
    const message = JSON.parse(data.toString()) as { type: string; hostId?: string; state?: string };
    if (message.type === "jobChanged" && message.state !== "queued") started.seen(message.hostId!);
  });
  await new Promise((resolve, reject) => browser.once("open", resolve).once("error", reject));
  return {
    child: server.child,
    async click(index) {
      const { hostId } = hosts[index]!;
      const seen = started.wait(hostId);
      await server.api.send("POST", `/api/hosts/${hostId}/jobs`, { kind: "snapshots" });
      await seen;
    },
    fire(index) {
      fireBackup(agents[index]!, hosts[index]!);
    },
    async stop() {
      clearInterval(renew);
      for (const { socket } of agents) {
        socket.removeAllListeners("close");
        socket.terminate();
      }
      browser.terminate();
      await server.stop();
    },
  };
}

/** Starts the job, and ends it a little later: a host that runs one takes no other. */
function answer(agent: LiveAgent, jobId: string, spec: JobSpec): void {
  const atMs = Date.now();
  agent.send({
    type: "job.events",
    jobId,
    first: 1,
    records: [
      { type: "accepted", atMs, kind: spec.kind, source: "asked", repositoryId: spec.repositoryId },
      { type: "started", atMs },
    ],
  });
  setTimeout(() => {
    agent.send({ type: "job.events", jobId, first: 3, records: [{ type: "finished", atMs, outcome: "succeeded" }] });
  }, everyMs / 2);
}

function fireBackup(agent: LiveAgent, host: SimulatedHost): void {
  const atMs = Date.now();
  const summary = {
    filesNew: 1,
    filesChanged: 2,
    filesUnmodified: 1000,
    totalFiles: 1003,
    totalBytes: 1e9,
    addedBytes: 1e6,
    durationMs: 1000,
  };
  const records: JobRecord[] = [
    { type: "accepted", atMs, kind: "backup", source: "schedule", repositoryId: host.hostId, nominalMs: atMs },
    { type: "started", atMs },
    { type: "logged", atMs, stream: "restic", text: "Repository opened" },
    { type: "finished", atMs, outcome: "succeeded", summary },
  ];
  agent.send({ type: "job.events", jobId: randomUUID(), first: 1, records });
}

async function ceilingScene(): Promise<Scene> {
  const hosts = makeHosts(count);
  const server = await startCeiling("click", hosts);
  const dial = (path: string, bearer = "") =>
    new Promise<WebSocket>((resolve, reject) => {
      const socket = new WebSocket(`${server.origin.replace("http", "ws")}${path}`, {
        headers: { authorization: `Bearer ${bearer}` },
        perMessageDeflate: false,
      });
      socket.once("open", () => resolve(socket)).once("error", reject);
    });
  const agents: WebSocket[] = [];
  await inFlight(hosts, 64, async (host) => {
    const socket = await dial("/agent", host.bearer);
    agents[hosts.indexOf(host)] = socket;
    socket.on("message", (data: Buffer) => {
      const { jobId, hostId } = JSON.parse(data.toString()) as { jobId: string; hostId: string };
      socket.send(JSON.stringify({ jobId, hostId, state: "running" }));
    });
  });
  const browser = await dial("/browser");
  const started = new Started();
  browser.on("message", (data: Buffer) => started.seen((JSON.parse(data.toString()) as { hostId: string }).hostId));
  return {
    child: server.child,
    async click(index) {
      const { hostId } = hosts[index]!;
      const seen = started.wait(hostId);
      const asked = await request(`${server.origin}/click`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ hostId }),
      });
      await asked.body.text();
      await seen;
    },
    fire(index) {
      agents[index]!.send(JSON.stringify({ jobId: randomUUID(), hostId: "-", state: "running" }));
    },
    async stop() {
      for (const socket of agents) socket.terminate();
      browser.terminate();
      await server.stop();
    },
  };
}

/** Who waits for word of which host. */
class Started {
  readonly #waiting = new Map<string, () => void>();

  wait(hostId: string): Promise<void> {
    return new Promise((resolve) => this.#waiting.set(hostId, resolve));
  }
  seen(hostId: string): void {
    this.#waiting.get(hostId)?.();
    this.#waiting.delete(hostId);
  }
}
