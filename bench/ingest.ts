import { randomUUID } from "node:crypto";
import { WebSocket } from "ws";
import { BROWSER_SUBPROTOCOL, GRANT_SUBPROTOCOL_PREFIX, IN_FLIGHT_BYTES } from "../protocol/limits.ts";
import type { JobRecord } from "../protocol/wire.ts";
import { startCeiling } from "./ceiling.ts";
import type { Child } from "./child.ts";
import { connectAgent, makeHosts } from "./fleet.ts";
import { startProductServer } from "./product-server.ts";
import { abba, atLeast, atMost, best, most, percentile, shown, type Row } from "./row.ts";

const browserCount = 10;
const floodLines = 200_000;
const stressLines = 20_000;
/** About 16 KiB a frame, as the agent batches. */
const linesPerFrame = 100;
const pacedFrames = 150;
const pacedEveryMs = 20;
const pacedLinesPerFrame = 40;

interface Measured {
  linesPerSecond: number;
  cpuUsPerLine: number;
  p50Ms: number;
}

/** One agent, ten browsers and a way to send records; the same load drives product and ceilings. */
interface Scene {
  child: Child;
  send(first: number, records: readonly JobRecord[]): void;
  /** Called with the highest seq that came back. */
  onAck(handler: (seq: number) => void): void;
  onRecords(handler: (browser: number, first: number, count: number) => void): void;
  stop(): Promise<void>;
}

/** (b) Agent → durable storage → 10 browsers. */
export async function ingest(): Promise<Row[]> {
  const batched = await abba<Measured>({
    product: () => withScene(productScene, (scene) => measure(scene, floodLines, linesPerFrame)),
    ceiling: () =>
      withScene(
        () => ceilingScene("group"),
        (scene) => measure(scene, floodLines, linesPerFrame),
      ),
  });
  const stress = await abba<Measured>({
    product: () => withScene(productScene, (scene) => measure(scene, stressLines, 1)),
    ceiling: () =>
      withScene(
        () => ceilingScene("bare"),
        (scene) => measure(scene, stressLines, 1),
      ),
  });
  const rate = (all: Measured[]) => most(all.map((m) => m.linesPerSecond));
  const cpu = (all: Measured[]) => best(all.map((m) => m.cpuUsPerLine));
  const p50 = (all: Measured[]) => best(all.map((m) => m.p50Ms));
  return [
    atLeast(
      "b. lines to storage and 10 browsers, batched",
      "lines/s",
      rate(batched.product),
      rate(batched.ceiling),
      0.8,
    ),
    shown("b. server CPU a line, batched", "µs", cpu(batched.product), cpu(batched.ceiling)),
    atMost("b. p50 from agent to browser at 2,000 lines/s", "ms", p50(batched.product), p50(batched.ceiling), 1.5),
    atLeast(
      "b. stress: one line a frame, against a relay that stores nothing",
      "lines/s",
      rate(stress.product),
      rate(stress.ceiling),
      3,
    ),
  ];
}

async function withScene<T>(make: () => Promise<Scene>, work: (scene: Scene) => Promise<T>): Promise<T> {
  const scene = await make();
  try {
    return await work(scene);
  } finally {
    await scene.stop();
  }
}

const line = (i: number): JobRecord => ({
  type: "logged",
  atMs: Date.now(),
  stream: "restic",
  text: `new       /srv/photos/2026/11/IMG_${String(i).padStart(7, "0")}.dng, saved in 0.012s (42.100 MiB added, 41.700 MiB stored)`,
});

async function measure(scene: Scene, lines: number, perFrame: number): Promise<Measured> {
  let acked = 0;
  let wake: () => void = () => {};
  const seen = Array.from({ length: browserCount }, () => 0);
  const sentAt = new Map<number, number>();
  const delays: number[] = [];
  scene.onAck((seq) => {
    acked = Math.max(acked, seq);
    wake();
  });
  scene.onRecords((browser, first, count) => {
    seen[browser] = first + count - 1;
    const at = sentAt.get(first);
    if (at !== undefined) delays.push(performance.now() - at);
    wake();
  });
  const until = async (done: () => boolean) => {
    while (!done()) await new Promise<void>((resolve) => (wake = resolve));
  };

  const flood = async (from: number, to: number): Promise<void> => {
    const bytesPerLine = JSON.stringify(line(0)).length + 1;
    const window = Math.floor(IN_FLIGHT_BYTES / bytesPerLine);
    let next = from;
    while (next <= to) {
      await until(() => next - 1 - Math.max(acked, Math.min(...seen)) < window);
      const records = Array.from({ length: Math.min(perFrame, to - next + 1) }, (_, i) => line(next + i));
      scene.send(next, records);
      next += records.length;
    }
    await until(() => seen.every((seq) => seq >= to));
  };

  await flood(3, 2 + lines / 10); // both sides warm
  const start = 3 + lines / 10;
  const cpuBefore = scene.child.cpuMs();
  const began = performance.now();
  await flood(start, start + lines - 1);
  const tookMs = performance.now() - began;
  const cpuMs = scene.child.cpuMs() - cpuBefore;

  let next = start + lines;
  const paced = Math.min(perFrame, pacedLinesPerFrame);
  for (let i = 0; i < pacedFrames; i++) {
    const records = Array.from({ length: paced }, (_, k) => line(next + k));
    sentAt.set(next, performance.now());
    scene.send(next, records);
    next += records.length;
    await new Promise((resolve) => setTimeout(resolve, pacedEveryMs));
  }
  await until(() => seen.every((seq) => seq >= next - 1));
  return {
    linesPerSecond: (lines / tookMs) * 1000,
    cpuUsPerLine: (cpuMs * 1000) / lines,
    p50Ms: percentile(delays, 0.5),
  };
}

async function productScene(): Promise<Scene> {
  const [host] = makeHosts(1);
  const server = await startProductServer([host!]);
  const agent = await connectAgent(server.origin, host!);
  let onAck: (seq: number) => void = () => {};
  let onRecords: (browser: number, first: number, count: number) => void = () => {};
  const started = new Promise<string>((resolve) => {
    agent.onMessage((message) => {
      if (message.type === "job.start") resolve(message.jobId);
      else if (message.type === "ack") onAck(message.seq);
    });
  });
  await server.api.send("POST", `/api/hosts/${host!.hostId}/jobs`, { kind: "snapshots" });
  const jobId = await started;
  agent.send({
    type: "job.events",
    jobId,
    first: 1,
    records: [
      { type: "accepted", atMs: Date.now(), kind: "snapshots", source: "asked" },
      { type: "started", atMs: Date.now() },
    ],
  });
  const browsers = await Promise.all(
    Array.from({ length: browserCount }, async (_, i) => {
      const { grant } = await server.api.send<{ grant: string }>("POST", "/api/grants");
      const socket = new WebSocket(
        `${server.origin.replace("http", "ws")}/ws/jobs/${jobId}?after=2`,
        [BROWSER_SUBPROTOCOL, GRANT_SUBPROTOCOL_PREFIX + grant],
        { headers: { cookie: server.api.cookie(), origin: server.origin }, perMessageDeflate: false },
      );
      let unseenBytes = 0;
      socket.on("message", (data: Buffer) => {
        const message = JSON.parse(data.toString()) as { type: string; first: number; records: unknown[] };
        if (message.type !== "records") return;
        onRecords(i, message.first, message.records.length);
        unseenBytes += data.length;
        if (unseenBytes < 64 * 1024) return;
        unseenBytes = 0;
        socket.send(JSON.stringify({ type: "seen", seq: message.first + message.records.length - 1 }));
      });
      await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
      return socket;
    }),
  );
  const renewGrants = async () => {
    const { grant } = await server.api.send<{ grant: string }>("POST", "/api/grants");
    for (const browser of browsers) browser.send(JSON.stringify({ type: "renew", grant }));
  };
  const renew = setInterval(() => void renewGrants(), 30_000);
  return {
    child: server.child,
    send: (first, records) => agent.send({ type: "job.events", jobId, first, records: [...records] }),
    onAck: (handler) => (onAck = handler),
    onRecords: (handler) => (onRecords = handler),
    async stop() {
      clearInterval(renew);
      agent.socket.removeAllListeners("close");
      agent.socket.terminate();
      for (const browser of browsers) browser.terminate();
      await server.stop();
    },
  };
}

async function ceilingScene(mode: "group" | "bare"): Promise<Scene> {
  const [host] = makeHosts(1);
  const server = await startCeiling(mode, [host!]);
  const dial = (path: string) => {
    const socket = new WebSocket(`${server.origin.replace("http", "ws")}${path}`, {
      headers: { authorization: `Bearer ${host!.bearer}` },
      perMessageDeflate: false,
    });
    return new Promise<WebSocket>((resolve, reject) =>
      socket.once("open", () => resolve(socket)).once("error", reject),
    );
  };
  const agent = await dial("/agent");
  const jobId = randomUUID();
  let onAck: (seq: number) => void = () => {};
  let onRecords: (browser: number, first: number, count: number) => void = () => {};
  agent.on("message", (data: Buffer) => onAck((JSON.parse(data.toString()) as { seq: number }).seq));
  const browsers = await Promise.all(
    Array.from({ length: browserCount }, async (_, i) => {
      const socket = await dial("/browser");
      socket.on("message", (data: Buffer) => {
        const message = JSON.parse(data.toString()) as { first: number; records: unknown[] };
        onRecords(i, message.first, message.records.length);
      });
      return socket;
    }),
  );
  return {
    child: server.child,
    send: (first, records) => agent.send(JSON.stringify({ type: "job.events", jobId, first, records })),
    onAck: (handler) => (onAck = handler),
    onRecords: (handler) => (onRecords = handler),
    async stop() {
      agent.terminate();
      for (const browser of browsers) browser.terminate();
      await server.stop();
    },
  };
}
