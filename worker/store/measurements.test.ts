import { DAY_MS } from "../../core/schedule/day.ts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { uuidv7 } from "../../core/ids.ts";
import type { Fact, JobFact, MeasuredFact } from "../../core/relay/facts.ts";
import type { FailureCode } from "../../protocol/failure.ts";
import type { RepositoryResource } from "../../protocol/api.ts";
import type { Measurement } from "../../protocol/wire.ts";
import { addHost, type TestHost } from "../../tests/support/fleet.ts";
import { startTestServer, type TestServer } from "../../tests/support/server.ts";
import { recordFacts } from "./facts.ts";
import { listRepositoryRows, repositoryResource } from "./repositories.ts";

const LOCK = { id: "ab", timeMs: 5, exclusive: false, hostname: "db-1", pid: 7 };
let server: TestServer;
let host: TestHost;
beforeEach(async () => {
  server = await startTestServer({ routes: [] });
  host = await addHost(server.runtime);
});
afterEach(() => server.close());

const record = (facts: Fact[], to = host) =>
  recordFacts(server.db, to.hostId, facts, { nowMs: server.nowMs(), random: server.runtime.random });
const repository = async (): Promise<RepositoryResource> =>
  repositoryResource((await listRepositoryRows(server.db, host.hostId))[0]!);
const measured = (atMs: number, measurement: Omit<Measurement, "repositoryId">): MeasuredFact => ({
  fact: "measured",
  measurement: { repositoryId: host.repositoryId, ...measurement },
  atMs,
});
function job(over: Partial<JobFact>): JobFact {
  const nowMs = server.nowMs();
  return {
    fact: "job",
    jobId: uuidv7(nowMs, server.runtime.random),
    factNo: 1,
    kind: "check",
    state: "succeeded",
    source: "asked",
    repositoryId: host.repositoryId,
    scheduleId: null,
    createdAtMs: nowMs,
    nominalMs: null,
    missed: 0,
    startedAtMs: nowMs,
    finishedAtMs: nowMs,
    receivedAtMs: nowMs,
    warnings: 0,
    failure: null,
    lastError: null,
    summary: null,
    result: null,
    resticVersion: "0.18.0",
    ...over,
  };
}
const failure = (code: FailureCode) => ({
  code,
  message: `because of ${code}`,
  retry: false,
});

test("a measurement leaves what it does not hold as it was known, and an older one changes nothing", async () => {
  await record([
    measured(100, { storedBytes: 10, uncompressedBytes: 30, restoreBytes: 50, snapshots: 2, locks: [LOCK] }),
  ]);
  await record([measured(200, { storedBytes: 20, appendOnly: true })]);
  const known = {
    measuredAtMs: 200,
    storedBytes: 20,
    uncompressedBytes: 30,
    restoreBytes: 50,
    snapshots: 2,
    locks: [LOCK],
    locksAtMs: 100,
    appendOnly: true,
  };
  expect(await repository()).toMatchObject(known);
  const before = server.sqlite.serialize();
  await record([measured(50, { storedBytes: 1, locks: [], appendOnly: false })]);
  await record([measured(200, { storedBytes: 20, appendOnly: true })]);
  expect(server.sqlite.serialize().equals(before)).toBe(true);
  await record([measured(300, { locks: [] })]);
  expect(await repository()).toMatchObject({ ...known, locks: [], locksAtMs: 300 });
});

test("the fleet's totals and the host's day follow what is stored", async () => {
  await record([measured(DAY_MS + 5, { storedBytes: 10, restoreBytes: 40 })]);
  await record([measured(DAY_MS + 9, { storedBytes: 25, restoreBytes: 60 })]);
  expect(server.sqlite.prepare("SELECT * FROM fleet_totals").all()).toEqual([
    { id: 1, stored_bytes: 25, restore_bytes: 60 },
  ]);
  expect(server.sqlite.prepare("SELECT day, stored_bytes, outcome FROM host_days").all()).toEqual([
    { day: 1, stored_bytes: 25, outcome: 0 },
  ]);
});

test("a host measures no repository but its own", async () => {
  const other = await addHost(server.runtime, { name: "evil" });
  await record([measured(100, { storedBytes: 1, locks: [], appendOnly: true }), job({})], other);
  const after = await repository();
  expect(after.measuredAtMs ?? after.locksAtMs ?? after.appendOnly ?? after.lastCheck).toBeUndefined();
  expect(server.sqlite.prepare("SELECT count(*) FROM host_days").pluck().get()).toBe(0);
});

test("the newest verdict of a check stays with its repository", async () => {
  const good = job({ result: { kind: "check", errors: 0, read: "5 %" } });
  await record([good]);
  expect((await repository()).lastCheck).toEqual({ jobId: good.jobId, atMs: server.nowMs(), ok: true, read: "5 %" });
  server.advance(1000);
  const bad = job({ state: "failed", failure: failure("repository.damaged") });
  await record([bad, good]);
  expect((await repository()).lastCheck).toMatchObject({ ok: false, message: "because of repository.damaged" });
});

test("a check that could not look, or was cancelled, hides no verdict", async () => {
  await record([job({ state: "failed", failure: failure("repository.damaged") })]);
  server.advance(1000);
  await record([job({ state: "failed", failure: failure("repository.locked") }), job({ state: "cancelled" })]);
  expect((await repository()).lastCheck).toMatchObject({ ok: false });
});

test.each(["restic.failed", "repository.missing"] as const)(
  "a check that ended with %s found no damage",
  async (code) => {
    await record([job({})]);
    server.advance(1000);
    await record([job({ state: "failed", failure: failure(code) })]);
    expect((await repository()).lastCheck).toMatchObject({ ok: true });
    expect(server.sqlite.prepare("SELECT check_failed FROM hosts").pluck().get()).toBe(0);
  },
);

test("a prune says when and how much it freed; a refused delete says that the repository is append-only", async () => {
  await record([job({ kind: "prune", result: { kind: "prune", freedBytes: 77 } })]);
  expect((await repository()).lastPrune).toMatchObject({ atMs: server.nowMs(), freedBytes: 77 });
  expect((await repository()).appendOnly).toBeUndefined();
  server.advance(1000);
  await record([job({ kind: "forget", state: "failed", failure: failure("repository.append_only") })]);
  expect(await repository()).toMatchObject({ appendOnly: true, lastPrune: { freedBytes: 77 } });
});
