import { expect, test } from "vitest";
import type { Fact, JobFact, PresenceFact } from "../../core/relay/facts.ts";
import { signGrant } from "../../core/secrets/tokens.ts";
import type { JobRecord } from "../../protocol/wire.ts";
import type { QueuedJob } from "../../worker/bindings.ts";
import {
  connectAgent,
  connectBrowser,
  newHost,
  testUuid,
  until,
  type RelayWorld,
  type TestHost,
} from "./relay-world.ts";

const at = 1_700_000_000_000;
const accepted: JobRecord = { type: "accepted", atMs: at, kind: "backup", source: "asked" };
const started: JobRecord = { type: "started", atMs: at + 1 };
const logged = (text: string): JobRecord => ({ type: "logged", atMs: at + 2, stream: "restic", text });
const finished: JobRecord = { type: "finished", atMs: at + 3, outcome: "succeeded", resticVersion: "0.18.0" };

function queued(world: RelayWorld, more: Partial<QueuedJob> = {}): QueuedJob {
  const nowMs = world.outside.now();
  return {
    jobId: testUuid(),
    spec: { kind: "snapshots", repositoryId: testUuid() },
    notAfterMs: nowMs + 600_000,
    createdAtMs: nowMs,
    cancelAsked: false,
    ...more,
  };
}

const jobFacts = (facts: readonly Fact[], jobId: string) =>
  facts.filter((fact): fact is JobFact => fact.fact === "job" && fact.jobId === jobId);
const presence = (facts: readonly Fact[]) => facts.filter((fact): fact is PresenceFact => fact.fact === "presence");

/** What every platform must do. `make` gives a world of its own to each test. */
export function relayContract(make: (host: TestHost) => Promise<RelayWorld>): void {
  const begin = async () => {
    const host = newHost();
    return { host, world: await make(host) };
  };

  test("a good hello is welcomed and the host is online at once", async () => {
    const { host, world } = await begin();
    const agent = await connectAgent(world, host);
    expect(await world.relay.isOnline()).toBe(false);
    expect(await agent.greet()).toMatchObject({ join: 1, acked: {} });
    expect(await world.relay.isOnline()).toBe(true);
    await until("the presence fact", () => presence(world.outside.facts).length > 0);
    expect(presence(world.outside.facts)[0]).toMatchObject({
      no: 1,
      online: true,
      about: { agentVersion: "0.1.0", os: "linux" },
    });
  });

  test("a hello with a bad signature closes 4401, and so does one replayed on another socket", async () => {
    const { host, world } = await begin();
    const agent = await connectAgent(world, host);
    const good = agent.hello();
    await agent.say({ ...good, signature: agent.hello({ join: 1 }).signature });
    expect(await agent.closedWith()).toBe(4401);
    const other = await connectAgent(world, host);
    await other.say(good);
    expect(await other.closedWith()).toBe(4401);
    expect(await world.relay.isOnline()).toBe(false);
  });

  test("another protocol version closes 4426 and says which are spoken", async () => {
    const { host, world } = await begin();
    const old = await connectAgent(world, host);
    await old.say(JSON.stringify({ type: "hello", protocol: 0 }));
    expect(await old.closedWith()).toBe(4426);
    expect(old.socket.closed?.reason).toBe("protocol_too_old: 1..1");
    const next = await connectAgent(world, host);
    await next.say(JSON.stringify({ type: "hello", protocol: 2 }));
    expect(await next.closedWith()).toBe(4426);
    expect(next.socket.closed?.reason).toBe("protocol_too_new: 1..1");
  });

  test("anything before hello closes 4400, and no hello in 10 s closes 4408", async () => {
    const { host, world } = await begin();
    const eager = await connectAgent(world, host);
    await eager.say({ type: "joined", join: 1 });
    expect(await eager.closedWith()).toBe(4400);
    const mute = await connectAgent(world, host);
    await world.advance(9_000);
    expect(mute.socket.closed).toBeNull();
    await world.advance(1_100);
    expect(await mute.closedWith()).toBe(4408);
  });

  test("a newer hello closes the older socket, whose frames change nothing", async () => {
    const { host, world } = await begin();
    const first = await connectAgent(world, host);
    const { join } = await first.greet();
    const second = await connectAgent(world, host);
    await second.greet({ join });
    expect(await first.closedWith()).toBe(4409);
    expect(await world.relay.isOnline()).toBe(true);
  });

  test("a copy of an agent locks the host: nobody gets a job", async () => {
    const { host, world } = await begin();
    const agent = await connectAgent(world, host);
    const { join } = await agent.greet();
    const again = await connectAgent(world, host);
    await again.greet({ join });
    const copy = await connectAgent(world, host);
    await copy.say(copy.hello({ join: 0 }));
    expect(await copy.closedWith()).toBe(4423);
    expect(await again.closedWith()).toBe(4423);
    const answer = await world.relay.enqueue(queued(world));
    expect(answer).toMatchObject({ ok: false, failure: { code: "host.locked" } });
    await until("the lock to be told", () => world.outside.facts.some((fact) => fact.fact === "locked" && fact.locked));
    const later = await connectAgent(world, host);
    await later.say(later.hello({ join: join + 1 }));
    expect(await later.closedWith()).toBe(4423);
  });

  test("an agent that died before it kept its join number is no copy", async () => {
    const { host, world } = await begin();
    const first = await connectAgent(world, host);
    await first.say(first.hello({ join: 0 }));
    await first.hear("welcome");
    first.socket.close();
    const again = await connectAgent(world, host);
    expect(await again.greet({ join: 0 })).toMatchObject({ join: 2 });
  });

  test("a job runs from start to verdict, and each fact reaches the database once", async () => {
    const { host, world } = await begin();
    const agent = await connectAgent(world, host);
    await agent.greet();
    const job = queued(world);
    expect(await world.relay.enqueue(job)).toEqual({ ok: true, value: null });
    expect(await world.relay.enqueue(job)).toEqual({ ok: true, value: null });
    await world.evict();
    expect(await agent.hear("job.start")).toMatchObject({ jobId: job.jobId, spec: job.spec });
    await agent.events(job.jobId, 1, [accepted]);
    await agent.hear("ack", (ack) => ack.seq === 1);
    await agent.events(job.jobId, 2, [started, logged("one")]);
    await agent.hear("ack", (ack) => ack.seq === 3);
    await agent.events(job.jobId, 4, [logged("two"), finished]);
    await agent.hear("ack", (ack) => ack.jobId === job.jobId && ack.seq === 5);
    await until("the verdict", () =>
      jobFacts(world.outside.facts, job.jobId).some((fact) => fact.state === "succeeded"),
    );
    expect(jobFacts(world.outside.facts, job.jobId).map(({ factNo, state }) => [factNo, state])).toEqual([
      [1, "running"],
      [2, "succeeded"],
    ]);
    expect(await world.relay.readLog(job.jobId, 0, 1e6)).toEqual({
      first: 1,
      records: [accepted, started, logged("one"), logged("two"), finished].map((record) => JSON.stringify(record)),
      next: null,
    });
    expect(agent.received().filter((message) => message.type === "job.start")).toHaveLength(1);
  });

  test("repeated records are acknowledged and kept once; a gap closes 4400", async () => {
    const { host, world } = await begin();
    const agent = await connectAgent(world, host);
    await agent.greet();
    const jobId = testUuid();
    await agent.events(jobId, 1, [accepted, started]);
    await agent.events(jobId, 1, [accepted, started, logged("a")]);
    await agent.events(jobId, 2, [started, logged("a")]);
    await agent.hear("ack", (ack) => ack.seq === 3);
    expect((await world.relay.readLog(jobId, 0, 1e6)).records).toHaveLength(3);
    await agent.events(jobId, 5, [logged("c")]);
    expect(await agent.closedWith()).toBe(4400);
    expect((await world.relay.readLog(jobId, 0, 1e6)).records).toHaveLength(3);
  });

  test("a job id this relay does not know, begun in any way but accepted, closes 4400 and leaves nothing", async () => {
    const { host, world } = await begin();
    const agent = await connectAgent(world, host);
    await agent.greet();
    const foreign = testUuid();
    await agent.events(foreign, 1, [logged("not mine"), finished]);
    expect(await agent.closedWith()).toBe(4400);
    expect((await world.relay.readLog(foreign, 0, 1e6)).records).toEqual([]);
    expect(jobFacts(world.outside.facts, foreign)).toEqual([]);
  });

  test("records lost with a rolled-back server leave a mark, and the job still ends", async () => {
    const { host, world } = await begin();
    const agent = await connectAgent(world, host);
    const jobId = testUuid();
    await agent.greet({ join: 9, jobs: [{ jobId, state: "running", tail: 12, floor: 11 }] });
    await agent.events(jobId, 11, [logged("k"), finished], true);
    await agent.hear("ack", (ack) => ack.seq === 12);
    const slice = await world.relay.readLog(jobId, 0, 1e6);
    expect(slice.records.map((text) => (JSON.parse(text) as JobRecord).type)).toEqual(["dropped"]);
    expect(slice.next).toBe(10);
    expect((await world.relay.readLog(jobId, 10, 1e6)).records).toHaveLength(2);
    const browser = await connectBrowser(world, jobId);
    await until("both records", () => browser.received().some((m) => m.type === "records" && m.first === 11));
    expect(browser.received().map((m) => [m.type, m.type === "records" ? m.first : 0])).toEqual([
      ["state", 0],
      ["records", 1],
      ["trimmed", 0],
      ["records", 11],
    ]);
    await until("the verdict", () => jobFacts(world.outside.facts, jobId).some((fact) => fact.state === "succeeded"));
  });

  test("a frame over 256 KiB closes the socket; the tenth malformed one closes 4400", async () => {
    const { host, world } = await begin();
    const loud = await connectAgent(world, host);
    const { join } = await loud.greet();
    await loud.say(JSON.stringify({ type: "joined", join, pad: "x".repeat(256 * 1024) }));
    expect(await loud.closedWith()).toBe(4413);
    const rude = await connectAgent(world, host);
    await rude.greet({ join });
    for (let i = 0; i < 9; i++) await rude.say(i % 2 ? "{" : '{"type":"joined"}');
    await rude.say('{"type":"weather"}');
    rude.socket.send("rm-ping");
    await until("the beat's answer", () => rude.socket.frames.includes("rm-pong"));
    expect(rude.socket.closed).toBeNull();
    rude.socket.send(new Uint8Array([1, 2, 3]));
    expect(await rude.closedWith()).toBe(4400);
  });

  test("a browser gets the job from its start or its cursor and then follows", async () => {
    const { host, world } = await begin();
    const agent = await connectAgent(world, host);
    await agent.greet();
    const jobId = testUuid();
    await agent.events(jobId, 1, [accepted, started, logged("a")]);
    await agent.hear("ack", (ack) => ack.seq === 3);
    const whole = await connectBrowser(world, jobId);
    const late = await connectBrowser(world, jobId, { afterSeq: 2 });
    await agent.events(jobId, 4, [logged("b")]);
    await agent.say({ type: "job.progressed", jobId, progress: { phase: "upload", percent: 0.5, bytes: 1, files: 1 } });
    await agent.events(jobId, 5, [finished]);
    await until("both to be in sync", () => whole.records().length === 5 && late.records(2).length === 3);
    await until("the verdict", () => whole.lastState()?.state === "succeeded");
    expect(whole.received()[0]).toMatchObject({ type: "state", state: "running", ackedSeq: 3 });
    expect(whole.records()).toEqual([accepted, started, logged("a"), logged("b"), finished]);
    expect(whole.received().some((message) => message.type === "progress")).toBe(true);
  });

  test("a browser that opens before its job is known hears of it when it is", async () => {
    const { host, world } = await begin();
    const agent = await connectAgent(world, host);
    await agent.greet();
    const job = queued(world);
    const browser = await connectBrowser(world, job.jobId);
    await world.relay.enqueue(job);
    await until("the state", () => browser.lastState()?.state === "queued");
  });

  test("a slow browser is stopped at its window, goes on from storage, and never holds up the agent", async () => {
    const { host, world } = await begin();
    const agent = await connectAgent(world, host);
    await agent.greet();
    const jobId = testUuid();
    const slow = await connectBrowser(world, jobId);
    await agent.events(jobId, 1, [accepted, started]);
    const line = "x".repeat(8_000);
    let seq = 2;
    for (let i = 0; i < 20; i++) {
      await agent.events(
        jobId,
        seq + 1,
        Array.from({ length: 12 }, (_, k) => logged(`${seq + k} ${line}`)),
      );
      seq += 12;
    }
    await agent.hear("ack", (ack) => ack.seq === seq);
    const sent = () => slow.socket.frames.join("").length;
    await until("the window to fill", () => sent() > 900_000);
    await world.evict();
    expect(sent()).toBeLessThan(1_200_000);
    for (;;) {
      const seen = slow.records().length;
      if (seen === seq) break;
      await slow.say({ type: "seen", seq: seen });
      await until("more", () => slow.records().length > seen);
    }
    await agent.events(jobId, seq + 1, [finished]);
    await slow.say({ type: "seen", seq });
    await until("the end", () => slow.records().length === seq + 1);
  });

  test("a grant that runs out closes 4401, a renewed one goes on, signing out closes at once", async () => {
    const { host, world } = await begin();
    const agent = await connectAgent(world, host);
    await agent.greet();
    const jobId = testUuid();
    await agent.events(jobId, 1, [accepted]);
    const userId = testUuid();
    const renewed = await connectBrowser(world, jobId, { userId });
    const idle = await connectBrowser(world, jobId);
    const other = await connectBrowser(world, jobId, { sessionHash: "other", grantUntilMs: world.outside.now() + 1e9 });
    const grant = signGrant(world.outside.grantKey, {
      userId,
      sessionHash: "session",
      role: "viewer",
      expiresAtMs: world.outside.now() + 120_000,
    });
    await renewed.say({ type: "renew", grant });
    await other.say({ type: "renew", grant });
    await until("a grant of another session to be refused", () => other.socket.closed?.code === 4401);
    await world.advance(61_000);
    await until("the grant to run out", () => idle.socket.closed?.code === 4401);
    expect(renewed.socket.closed).toBeNull();
    await world.relay.closeSession("session");
    await until("the session's socket to close", () => renewed.socket.closed?.code === 4401);
  });

  test("a host is offline 90 s after its socket closed, and after 90 s of silence on an open one", async () => {
    const { host, world } = await begin();
    const agent = await connectAgent(world, host);
    const { join } = await agent.greet();
    agent.socket.close();
    await until("the close to be noticed", async () => !(await world.relay.isOnline()));
    await world.advance(60_000);
    expect(presence(world.outside.facts).map((fact) => fact.online)).toEqual([true]);
    await world.advance(31_000);
    await until("offline to be told", () => presence(world.outside.facts).length === 2);
    const silent = await connectAgent(world, host);
    await silent.greet({ join });
    await until("online to be told", () => presence(world.outside.facts).length === 3);
    await world.advance(91_000);
    await world.advance(91_000);
    expect(await silent.closedWith()).toBe(4408);
    await until("offline to be told again", () => presence(world.outside.facts).length === 4);
    expect(presence(world.outside.facts).map((fact) => [fact.no, fact.online])).toEqual([
      [1, true],
      [2, false],
      [3, true],
      [4, false],
    ]);
  });

  test("an agent whose frames take the place of beats is not silent, though nothing of them stays in memory", async () => {
    const { host, world } = await begin();
    const agent = await connectAgent(world, host);
    await agent.greet();
    const grantUntilMs = world.outside.now() + 115_000;
    await connectBrowser(world, testUuid(), { grantUntilMs });
    for (let i = 0; i < 12; i++) {
      await agent.events(testUuid(), 1, [accepted]);
      await until("the frame to be heard", () => agent.received().filter(({ type }) => type === "ack").length > i);
      await world.evict();
      await world.advance(20_000);
    }
    expect(await world.relay.isOnline()).toBe(true);
    expect(agent.socket.closed).toBe(null);
  });

  test("a running job is unknown past its lease, and a late verdict settles it", async () => {
    const { host, world } = await begin();
    const agent = await connectAgent(world, host);
    const { join } = await agent.greet();
    const jobId = testUuid();
    await agent.events(jobId, 1, [accepted, started]);
    await agent.hear("ack", (ack) => ack.seq === 2);
    const browser = await connectBrowser(world, jobId);
    agent.socket.close();
    await until("silence to be shown", () => browser.lastState()?.agentSilentSinceMs !== undefined);
    await world.advance(11 * 60_000);
    await until("unknown", () => jobFacts(world.outside.facts, jobId).at(-1)?.state === "unknown");
    const back = await connectAgent(world, host);
    const welcome = await back.greet({ join, jobs: [{ jobId, state: "finished", tail: 4, floor: 3 }] });
    expect(welcome.acked).toEqual({ [jobId]: 2 });
    await back.events(jobId, 3, [logged("late"), finished]);
    await until("the verdict", () => jobFacts(world.outside.facts, jobId).at(-1)?.state === "succeeded");
    const factNos = jobFacts(world.outside.facts, jobId).map(({ factNo }) => factNo);
    expect(factNos).toEqual(factNos.toSorted((a, b) => a - b));
  });

  test("a job the agent accepted and no longer lists is lost; one it never read is sent again", async () => {
    const { host, world } = await begin();
    const agent = await connectAgent(world, host);
    const { join } = await agent.greet();
    const accepts = queued(world);
    const unread = queued(world);
    await world.relay.enqueue(accepts);
    await world.relay.enqueue(unread);
    await agent.events(accepts.jobId, 1, [accepted]);
    await agent.hear("ack");
    agent.socket.close();
    const back = await connectAgent(world, host);
    await back.greet({ join });
    expect((await back.hear("job.start")).jobId).toBe(unread.jobId);
    await until("the loss", () => jobFacts(world.outside.facts, accepts.jobId).at(-1)?.failure?.code === "job.lost");
  });

  test("run now on an offline host is refused, and an unanswered start goes out again", async () => {
    const { host, world } = await begin();
    expect(await world.relay.enqueue(queued(world))).toMatchObject({ ok: false, failure: { code: "host.offline" } });
    const agent = await connectAgent(world, host);
    await agent.greet();
    const job = queued(world);
    await world.relay.enqueue(job);
    await agent.hear("job.start");
    await world.advance(31_000);
    await until(
      "the second start",
      () => agent.received().filter((message) => message.type === "job.start").length === 2,
    );
  });

  test("cancelling is final before a job was sent, and the agent's to settle after", async () => {
    const { host, world } = await begin();
    world.outside.config = { version: 2, repositories: [] };
    world.outside.databaseIsDown = true;
    const agent = await connectAgent(world, host, { configVersion: 2 });
    await agent.greet();
    const unsent = queued(world);
    await world.relay.enqueue(unsent);
    expect(await world.relay.cancel(unsent.jobId)).toEqual({ ok: true, value: null });
    expect(await world.relay.cancel(unsent.jobId)).toMatchObject({ failure: { code: "job.already_finished" } });
    world.outside.databaseIsDown = false;
    await agent.say({ type: "config.applied", version: 2, refused: [] });
    const sent = queued(world);
    await world.relay.enqueue(sent);
    await agent.hear("job.start", (start) => start.jobId === sent.jobId);
    expect(await world.relay.cancel(sent.jobId)).toEqual({ ok: true, value: null });
    await agent.hear("job.cancel", (cancel) => cancel.jobId === sent.jobId);
    expect(jobFacts(world.outside.facts, sent.jobId)).toEqual([]);
    await agent.events(sent.jobId, 1, [accepted, { type: "finished", atMs: at, outcome: "cancelled" }]);
    await agent.hear("ack", (ack) => ack.jobId === sent.jobId);
    expect(await world.relay.cancel(sent.jobId)).toMatchObject({ failure: { code: "job.already_finished" } });
    expect(await world.relay.cancel(testUuid())).toMatchObject({ failure: { code: "job.not_found" } });
    await world.advance(60_000);
    await until("both verdicts", () =>
      [unsent, sent].every(({ jobId }) => jobFacts(world.outside.facts, jobId).at(-1)?.state === "cancelled"),
    );
    expect(agent.received().some((message) => message.type === "job.start" && message.jobId === unsent.jobId)).toBe(
      false,
    );
  });

  test("credentials that differ go out until they are applied, and no job before that", async () => {
    const { host, world } = await begin();
    world.outside.config = { version: 3, repositories: [] };
    const agent = await connectAgent(world, host, { configVersion: 3 });
    await agent.say(agent.hello());
    await agent.hear("config.update", (update) => update.version === 3);
    await world.relay.enqueue(queued(world));
    await world.advance(31_000);
    await until(
      "it to be sent again",
      () => agent.received().filter((message) => message.type === "config.update").length === 2,
    );
    expect(agent.received().some((message) => message.type === "job.start")).toBe(false);
    await agent.say({ type: "config.applied", version: 3, refused: [] });
    await agent.hear("job.start");
    await until("the applied version", () =>
      world.outside.facts.some((fact) => fact.fact === "applied" && fact.what === "config" && fact.version === 3),
    );
    world.outside.config = { version: 4, repositories: [] };
    await world.relay.configChanged();
    await agent.hear("config.update", (update) => update.version === 4);
    world.outside.schedules = { version: 2, schedules: [] };
    await world.relay.scheduleChanged();
    await agent.hear("schedule.set", (set) => set.version === 2);
  });

  test("facts wait while the database is down, and arrive in order when it is back", async () => {
    const { host, world } = await begin();
    const agent = await connectAgent(world, host);
    await agent.greet();
    await until("online", () => presence(world.outside.facts).length === 1);
    world.outside.databaseIsDown = true;
    const jobId = testUuid();
    for (const [i, record] of [accepted, started, finished].entries()) {
      await agent.events(jobId, i + 1, [record]);
      await agent.hear("ack", (ack) => ack.seq === i + 1);
    }
    expect(jobFacts(world.outside.facts, jobId)).toEqual([]);
    world.outside.databaseIsDown = false;
    await world.advance(5 * 60_000);
    await until("the verdict", () => jobFacts(world.outside.facts, jobId).length === 3);
    expect(jobFacts(world.outside.facts, jobId).map(({ state }) => state)).toEqual(["queued", "running", "succeeded"]);
  });

  test("an idle host writes nothing", async () => {
    const { host, world } = await begin();
    const agent = await connectAgent(world, host);
    await agent.greet();
    await until("online", () => presence(world.outside.facts).length === 1);
    await until("the join number to be kept", async () => (await world.rows()).includes('confirmed\\":1'));
    const before = await world.rows();
    for (let i = 0; i < 4; i++) {
      agent.socket.send("rm-ping");
      await until(
        "the beat's answer",
        () => agent.socket.frames.filter((frame) => frame === "rm-pong").length === i + 1,
      );
      await world.evict();
    }
    await world.advance(80_000);
    expect(await world.rows()).toBe(before);
    expect(presence(world.outside.facts)).toHaveLength(1);
  });

  test("deleting a host closes its sockets 4403 and leaves no row", async () => {
    const { host, world } = await begin();
    const agent = await connectAgent(world, host);
    await agent.greet();
    const jobId = testUuid();
    await agent.events(jobId, 1, [accepted, started]);
    const browser = await connectBrowser(world, jobId);
    await world.relay.remove();
    expect(await agent.closedWith()).toBe(4403);
    await until("the browser to close", () => browser.socket.closed?.code === 4403);
    await world.evict();
    expect(await world.rows()).toBe("[]");
  });
}
