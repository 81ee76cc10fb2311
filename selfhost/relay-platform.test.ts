import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { WebSocket } from "ws";
import type { JobRecord } from "../protocol/wire.ts";
import { startSockets } from "../tests/contract/node-sockets.ts";
import {
  connectAgent,
  connectBrowser,
  newHost,
  testUuid,
  TestOutside,
  until,
  type RelayWorld,
  type TestHost,
} from "../tests/contract/relay-world.ts";
import { createNodeRelays, type NodeRelays } from "./relay-platform.ts";

let folder: string;
let sockets: Awaited<ReturnType<typeof startSockets>>;
const made: NodeRelays[] = [];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "restic-manager-relays-"));
  sockets = await startSockets();
});
afterAll(async () => {
  for (const relays of made) await relays.close();
  sockets.stop();
  rmSync(folder, { recursive: true, force: true });
});

const accepted: JobRecord = { type: "accepted", atMs: 1, kind: "backup", source: "schedule" };
const finished: JobRecord = { type: "finished", atMs: 2, outcome: "succeeded" };

/** Relays on the file of `host`; call it again for what a new process would find. */
function begin(host: TestHost, outside = new TestOutside()) {
  const file = join(folder, `${host.hostId}.db`);
  const relays = createNodeRelays({ file, outside, now: outside.now });
  made.push(relays);
  const world: RelayWorld = {
    relay: relays.relay(host.hostId),
    outside,
    open: (upgrade) =>
      sockets.open((ws) => {
        if (upgrade.kind === "agent") relays.acceptAgent(ws, upgrade.grant);
        else relays.acceptBrowser(ws, upgrade.grant, host.hostId);
      }),
    evict: async () => {},
    async advance(ms) {
      outside.offsetMs += ms;
      relays.sweep();
    },
    rows: async () => "",
  };
  return { relays, world, outside, file };
}

test("a stopping server closes sockets 1012; the next one shows hosts that stay away offline, and only those", async () => {
  const [stays, leaves] = [newHost(), newHost()];
  const first = begin(stays);
  const file = first.file;
  const agents = [];
  for (const host of [stays, leaves]) {
    const agent = await connectAgent(first.world, host);
    agents.push({ host, agent, join: (await agent.greet()).join });
  }
  await until("both to be online", () => first.outside.facts.length === 2);
  await first.relays.close();
  for (const { agent } of agents) expect(await agent.closedWith()).toBe(1012);

  const outside = new TestOutside();
  const relays = createNodeRelays({ file, outside, now: outside.now });
  made.push(relays);
  const world = { ...first.world, outside, open: openOn(relays) };
  const back = await connectAgent(world, stays);
  await back.greet({ join: agents[0]!.join });
  outside.offsetMs += 91_000;
  back.socket.send("rm-ping");
  await until("the beat's answer", () => back.socket.frames.includes("rm-pong"));
  relays.sweep();
  await until("the absent host to be offline", () => outside.facts.length > 0);
  expect(outside.facts).toMatchObject([{ fact: "presence", online: false }]);
  expect(await relays.relay(stays.hostId).isOnline()).toBe(true);
});

function openOn(relays: NodeRelays): RelayWorld["open"] {
  return (upgrade) =>
    sockets.open((ws) => {
      if (upgrade.kind === "agent") relays.acceptAgent(ws, upgrade.grant);
    });
}

test("facts the database never got are written by the next process", async () => {
  const host = newHost();
  const { relays, world, outside } = begin(host);
  outside.databaseIsDown = true;
  const agent = await connectAgent(world, host);
  await agent.greet();
  const jobId = testUuid();
  await agent.events(jobId, 1, [accepted, finished]);
  await agent.hear("ack", (ack) => ack.seq === 2);
  await relays.close();
  expect(outside.facts).toEqual([]);
  const next = begin(host);
  next.relays.sweep();
  await until("the verdict", () =>
    next.outside.facts.some((fact) => fact.fact === "job" && fact.jobId === jobId && fact.state === "succeeded"),
  );
});

test("what a turn could not keep is never announced: the agent is cut and says it again", async () => {
  const host = newHost();
  const { relays, world, file } = begin(host);
  const agent = await connectAgent(world, host);
  const { join: number } = await agent.greet();
  await relays.evict();
  const breaker = new Database(file);
  breaker.exec("CREATE TRIGGER full BEFORE INSERT ON relay_log BEGIN SELECT RAISE(ABORT, 'disk full'); END");
  const jobId = testUuid();
  await agent.events(jobId, 1, [accepted]);
  expect(await agent.closedWith()).toBe(1011);
  expect(agent.received().some((message) => message.type === "ack")).toBe(false);
  breaker.exec("DROP TRIGGER full");
  breaker.close();
  const again = await connectAgent(world, host);
  expect((await again.greet({ join: number, jobs: [{ jobId, state: "queued", tail: 1, floor: 1 }] })).acked).toEqual({
    [jobId]: 0,
  });
  await again.events(jobId, 1, [accepted]);
  await again.hear("ack", (ack) => ack.seq === 1);
});

test("an ended job's log is compressed and reads the same, and old logs leave past the cap, whole jobs first", async () => {
  const host = newHost();
  const { relays, world, file, outside } = begin(host);
  const agent = await connectAgent(world, host);
  await agent.greet();
  const jobId = testUuid();
  const line = (i: number): JobRecord => ({
    type: "logged",
    atMs: i,
    stream: "restic",
    text: `line ${i} ${"x".repeat(900)}`,
  });
  await agent.events(jobId, 1, [accepted]);
  for (let first = 2; first < 802; first += 200)
    await agent.events(
      jobId,
      first,
      Array.from({ length: 200 }, (_, i) => line(first + i)),
    );
  await agent.events(jobId, 802, [finished]);
  await agent.hear("ack", (ack) => ack.seq === 802);
  const db = new Database(file, { readonly: true });
  const rows = () =>
    db.prepare("SELECT typeof(body) AS type, length(body) AS size FROM relay_log").all() as {
      type: string;
      size: number;
    }[];
  await until("the log to be compressed", () => rows().every((row) => row.type === "blob"));
  expect(rows().every((row) => row.size <= 64 * 1024)).toBe(true);
  const whole = await world.relay.readLog(jobId, 0, 1e9);
  expect(whole.records).toEqual(
    [accepted, ...Array.from({ length: 800 }, (_, i) => line(i + 2)), finished].map((r) => JSON.stringify(r)),
  );
  expect((await world.relay.readLog(jobId, 700, 1e9)).records).toEqual(whole.records.slice(700));

  // As if its log filled the host's share: the next job to end makes it leave.
  await relays.evict();
  new Database(file).exec("UPDATE relay_ended SET log_size = 67108864").close();
  const newer = testUuid();
  await agent.events(newer, 1, [accepted, finished]);
  await until("the old log to leave", () => rows().length === 1);
  expect((await world.relay.readLog(jobId, 0, 1e9)).records).toEqual([]);
  expect((await world.relay.readLog(newer, 0, 1e9)).records).toHaveLength(2);
  expect(outside.logged.filter(({ event }) => event.endsWith("failed"))).toEqual([]);
  db.close();
});

test.each(["has come", "comes"])("a browser that %s in the turn of new records gets them", async (when) => {
  const host = newHost();
  const begun = begin(host);
  const { relays } = begun;
  const serverEnds: WebSocket[] = [];
  const jobId = testUuid();
  const grant = { userId: testUuid(), sessionHash: "s", grantUntilMs: Date.now() + 60_000, jobId, afterSeq: 0 };
  const world: RelayWorld = {
    ...begun.world,
    open: (upgrade) =>
      sockets.open((ws) => {
        serverEnds.push(ws);
        if (upgrade.kind === "agent") relays.acceptAgent(ws, upgrade.grant);
        else if (when === "has come") relays.acceptBrowser(ws, grant, host.hostId);
      }),
  };
  const agent = await connectAgent(world, host);
  await agent.greet();
  const line = (text: string): JobRecord => ({ type: "logged", atMs: 1, stream: "restic", text });
  await agent.events(jobId, 1, [accepted, line("two")]);
  await agent.hear("ack", (ack) => ack.seq === 2);
  const browser = await connectBrowser(world, jobId);
  if (when === "has come") await until("the first two", () => browser.records().length === 2);

  // Both in one turn of the event loop: what the agent said is not kept yet when the browser is heard.
  const [agentEnd, browserEnd] = serverEnds as [WebSocket, WebSocket];
  const records = [line("three"), line("four")];
  agentEnd.emit("message", Buffer.from(JSON.stringify({ type: "job.events", jobId, first: 3, records })), false);
  if (when === "has come") browserEnd.emit("message", Buffer.from('{"type":"seen","seq":2}'), false);
  else relays.acceptBrowser(browserEnd, grant, host.hostId);
  await until("all four", () => browser.records().length === 4);
  expect(browser.received().filter((message) => message.type === "trimmed")).toEqual([]);
});
