import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { WebSocketServer } from "ws";
import { removeFolder, temporaryFolder } from "../../tests/support/folders.ts";
import type { Hello, ServerMessage } from "../../protocol/wire.ts";
import { Journal } from "../jobs/journal.ts";
import { LinkClient } from "./client.ts";
import { JoinStore } from "./join-store.ts";
import { SpoolBudget } from "./spool/budget.ts";

const JOB_ID = "0198c2f0-79b0-7000-8000-000000000000";
const hello: Hello = {
  type: "hello",
  protocol: 1,
  agentVersion: "1",
  resticVersion: "",
  os: "linux",
  arch: "amd64",
  hostname: "oak",
  machineFacts: {},
  join: 0,
  signature: "",
  scheduleVersion: 0,
  configVersion: 0,
  timeMs: 0,
  jobs: [],
};

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
  vi.useRealTimers();
});

/** A live link to a server that welcomes and then says nothing more; the link's timers are the test's. */
async function liveLink() {
  const heard: string[] = [];
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols: () => "rm.1" });
  await once(server, "listening");
  server.on("connection", (socket) => {
    const say = (message: ServerMessage) => socket.send(JSON.stringify(message));
    socket.on("message", (data: Buffer) => {
      const text = data.toString("utf8");
      heard.push(text);
      if (text.includes('"hello"'))
        say({ type: "welcome", join: 1, acked: {}, scheduleVersion: 0, configVersion: 0, timeMs: 0 });
    });
    say({ type: "challenge", nonce: "n".repeat(43), serverTimeMs: 0 });
  });
  endings.push(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });

  const folder = temporaryFolder("link");
  endings.push(() => removeFolder(folder));
  const quiet = () => undefined;
  const clock = { nowMs: 0 };
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  let link: LinkClient | null = null;
  const live = new Promise<void>((resolve) => {
    link = new LinkClient({
      url: new URL(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`),
      bearer: "b",
      dialOptions: { env: {}, certSha256: null, timeoutMs: 5_000 },
      join: new JoinStore(join(folder, "join")),
      journal: Journal.open({
        directory: join(folder, "jobs"),
        budget: new SpoolBudget(),
        nowMs: () => 0,
        after: () => quiet,
        onKept: quiet,
        onTrouble: quiet,
      }),
      log: { info: quiet, warn: quiet },
      monotonicMs: () => clock.nowMs,
      random: () => 0.5,
      prepareHello: async () => undefined,
      hello: () => hello,
      onCommand: quiet,
      onStatus: (connected) => connected && resolve(),
    });
    link.start();
  });
  await live;
  const pass = (ms: number) => {
    clock.nowMs += ms;
    vi.advanceTimersByTime(ms);
  };
  endings.push(async () => {
    const stopped = link!.stop(0);
    vi.advanceTimersByTime(60_000);
    await stopped;
  });
  return { link: link!, heard, pass };
}

test("a link on which only progress leaves is pinged, and given up when nothing answers", async () => {
  const { link, heard, pass } = await liveLink();
  for (let second = 0; second < 46; second++) {
    link.progress(JOB_ID, { phase: "upload", bytes: second, files: 1 });
    pass(1_000);
  }
  expect(link.isLive).toBe(false);
  await vi.waitFor(() => expect(heard).toContain("rm-ping"));
  expect(heard.filter((text) => text.includes("job.progressed")).length).toBeGreaterThan(24);
});
