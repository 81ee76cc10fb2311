import { applyD1Migrations, type D1Migration } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { drizzle } from "drizzle-orm/d1";
import { expect, test } from "vitest";
import { uuidv7 } from "../../core/ids.ts";
import type { Fact, JobFact } from "../../core/relay/facts.ts";
import type { JobSpec } from "../../protocol/wire.ts";
import type { Database } from "../../worker/bindings.ts";
import { recordFacts } from "../../worker/store/facts.ts";
import { recordJobAsked } from "../../worker/store/jobs.ts";
import { recordScheduleAdded } from "../../worker/store/schedule-edits.ts";
import { addHost } from "../contract/store-contract.ts";

const { DB, TEST_MIGRATIONS } = env as unknown as { DB: D1Database; TEST_MIGRATIONS: D1Migration[] };
const NOW_MS = Date.UTC(2026, 0, 15, 12);
const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
const newId = () => uuidv7(NOW_MS, random);

/** The database, and how many rows it says it has written since the last question: what a day on D1 is billed by. */
function counted(): { db: Database; written(): number } {
  let rows = 0;
  const noting = <T>(result: D1Result<T>): D1Result<T> => {
    rows += result.meta.rows_written;
    return result;
  };
  const statement = (real: D1PreparedStatement): D1PreparedStatement =>
    new Proxy(real, {
      get(target, name) {
        if (name === "bind") return (...values: unknown[]) => statement(target.bind(...values));
        if (name === "run" || name === "all") return async () => noting(await target.run());
        if (name === "real") return target;
        const value: unknown = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  const client = new Proxy(DB, {
    get(target, name) {
      if (name === "prepare") return (query: string) => statement(target.prepare(query));
      if (name === "batch")
        return async (statements: (D1PreparedStatement & { real: D1PreparedStatement })[]) =>
          (await target.batch(statements.map((each) => each.real))).map(noting);
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return {
    db: drizzle(client) as Database,
    written() {
      const since = rows;
      rows = 0;
      return since;
    },
  };
}

async function scene() {
  await applyD1Migrations(DB, TEST_MIGRATIONS);
  const { db, written } = counted();
  const { hostId, repositoryId } = await addHost(db);
  const at = { nowMs: NOW_MS, random };
  const audit = (action: string) => ({
    actor: "owner",
    actorKind: "user" as const,
    actorId: null,
    action,
    targetKind: "host",
    targetId: hostId,
    address: "",
  });
  const schedule = async (manual: boolean, when: "after_backup" | null) => {
    const id = newId();
    await recordScheduleAdded(
      db,
      hostId,
      id,
      {
        kind: "backup",
        name: "s",
        repositoryId,
        enabled: true,
        manual,
        ...(manual ? {} : { cron: "0 * * * *", timeZone: "UTC" }),
        spreadMinutes: 0,
        catchUp: "once",
        limits: {},
        paths: ["/srv"],
        excludes: [],
        tags: [],
        retention: when === null ? null : { keep: { last: 3 }, when },
      },
      audit("schedule.create"),
      at,
    );
    return id;
  };
  /** A backup's facts, each flush a batch of its own; `minute` orders backups. */
  const runBackup = async (scheduleId: string, minute: number, asked: boolean) => {
    const jobId = newId();
    const atMs = NOW_MS + minute * 60_000;
    const clock = { nowMs: atMs, random };
    const spec: JobSpec = {
      kind: "backup",
      repositoryId,
      scheduleId,
      paths: ["/srv"],
      excludes: [],
      tags: [],
      createRepository: false,
      verbose: false,
      limits: {},
    };
    if (asked) {
      const { nowMs: notAfterMs } = clock;
      const job = {
        id: jobId,
        hostId,
        spec,
        scheduleName: "s",
        askedBy: "owner",
        source: "asked",
        notAfterMs,
      } as const;
      await recordJobAsked(db, job, audit("job.run"), clock);
    }
    const fact = (over: Partial<JobFact>): JobFact => ({
      fact: "job",
      jobId,
      factNo: 1,
      kind: "backup",
      state: "running",
      source: asked ? "asked" : "schedule",
      repositoryId,
      scheduleId,
      createdAtMs: atMs,
      nominalMs: asked ? null : atMs,
      missed: 0,
      startedAtMs: atMs,
      finishedAtMs: null,
      receivedAtMs: atMs,
      warnings: 0,
      failure: null,
      lastError: null,
      summary: null,
      result: null,
      resticVersion: null,
      ...over,
    });
    const id = String(minute).padStart(64, "0");
    const snapshot: Fact = {
      fact: "snapshot",
      repositoryId,
      atMs,
      snapshot: { id, timeMs: atMs, hostname: "web-1", paths: ["/srv"], tags: [] },
    };
    await recordFacts(db, hostId, [fact({})], clock);
    await recordFacts(db, hostId, [snapshot, fact({ factNo: 2, state: "succeeded", finishedAtMs: atMs })], clock);
  };
  return { written, schedule, runBackup };
}

test("a backup that is asked for writes 9 rows", async () => {
  const { written, schedule, runBackup } = await scene();
  const id = await schedule(true, null);
  await runBackup(id, 1, true);
  written();
  await runBackup(id, 2, true);
  expect(written()).toBe(9);
});

test("a scheduled backup writes 7 rows, and 2 more where its retention follows it", async () => {
  const { written, schedule, runBackup } = await scene();
  const plain = await schedule(false, null);
  const retained = await schedule(false, "after_backup");
  await runBackup(plain, 1, false);
  written();
  await runBackup(plain, 2, false);
  expect(written()).toBe(7);
  await runBackup(retained, 3, false);
  expect(written()).toBe(9);
});
