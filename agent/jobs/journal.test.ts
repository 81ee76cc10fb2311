import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { removeFolder, temporaryFolder } from "../../tests/support/folders.ts";
import { SpoolBudget } from "../link/spool/budget.ts";
import { Journal, type JournalEntry } from "./journal.ts";

const jobId = "0198c2f0-79b0-7000-8000-00000000000a";
const repositoryId = "0198c2f0-79b0-7000-8000-00000000000b";
const entry: JournalEntry = {
  jobId,
  acceptedAtMs: 1,
  state: "queued",
  spec: { kind: "snapshots", repositoryId },
  child: null,
  lent: null,
  serverMayKnow: true,
};
const accepted = { type: "accepted", atMs: 1, kind: "snapshots", source: "asked", repositoryId } as const;
const started = { type: "started", atMs: 2 } as const;
const finished = { type: "finished", atMs: 3, outcome: "succeeded" } as const;

let folder: string;
let nowMs: number;
beforeEach(() => {
  folder = temporaryFolder("journal");
  nowMs = 1000;
});
afterEach(() => removeFolder(folder));

const open = (
  onTrouble: (why: string | null) => void = (why) => {
    throw new Error(why ?? "");
  },
) =>
  Journal.open({
    directory: join(folder, "jobs"),
    budget: new SpoolBudget(),
    nowMs: () => nowMs,
    after: () => () => {},
    onKept: () => {},
    onTrouble,
  });

test("a job is known from its acceptance to 30 days after its verdict was acknowledged", () => {
  open().accept(entry, (spool) => spool.add(accepted));
  const journal = open();
  expect(journal.hello()).toEqual([{ jobId, state: "queued", tail: 1, floor: 1 }]);
  const job = journal.get(jobId)!;
  job.spool.add(finished);
  journal.update(job, { state: "finished" });
  journal.acknowledge(jobId, 1);
  expect(journal.knows(jobId)).toBe(true);
  journal.acknowledge(jobId, 2);
  expect(journal.jobs()).toEqual([]);
  expect(existsSync(join(folder, "jobs", jobId))).toBe(false);

  nowMs += 29 * 24 * 3600_000;
  expect(open().knows(jobId)).toBe(true);
  nowMs += 2 * 24 * 3600_000;
  expect(open().knows(jobId)).toBe(false);
});

test("a job that died before it was accepted never was, one that died after its verdict is finished", () => {
  mkdirSync(join(folder, "jobs", repositoryId), { recursive: true });
  const job = open().accept({ ...entry, state: "running" }, (spool) => {
    spool.add(accepted);
    spool.add(started);
    spool.add(finished);
  });
  expect(job.entry.state).toBe("running");
  const journal = open();
  expect(journal.hello()).toEqual([{ jobId, state: "finished", tail: 3, floor: 1 }]);
  expect(readdirSync(join(folder, "jobs"))).not.toContain(repositoryId);
});

test("a job whose entry cannot be read keeps its records and is said", () => {
  open().accept({ ...entry, state: "running" }, (spool) => spool.add(accepted));
  writeFileSync(join(folder, "jobs", jobId, "job.json"), '{"jobId":');
  const before = readdirSync(join(folder, "jobs", jobId), { recursive: true });
  expect(() => open()).toThrow(/job\.json cannot be read/);
  expect(readdirSync(join(folder, "jobs", jobId), { recursive: true })).toEqual(before);
});

test("an acknowledgement of everything but the verdict lets nothing go", () => {
  const journal = open();
  const job = journal.accept({ ...entry, state: "running" }, (spool) => spool.add(accepted));
  journal.acknowledge(jobId, 1);
  expect(journal.get(jobId)).toBe(job);
  expect(journal.hello()).toEqual([{ jobId, state: "running", tail: 1, floor: 2 }]);
});

test("a job the server cannot know of is listed, and known to be after a restart, before its first record may leave", () => {
  const journal = open();
  const other = repositoryId;
  for (const [n, one] of [jobId, other].entries())
    journal.accept({ ...entry, jobId: one, acceptedAtMs: n, serverMayKnow: false }, (spool) => spool.add(accepted));
  expect(journal.hello()).toEqual([]);
  expect(journal.isDrained).toBe(false);
  expect(journal.listNext()).toBe(true);
  const again = open();
  expect(again.hello()).toEqual([{ jobId, state: "queued", tail: 1, floor: 1 }]);
  expect(again.jobs().map((job) => job.entry.jobId)).toEqual([jobId, other]);
  expect(again.listNext()).toBe(true);
  expect(again.listNext()).toBe(false);
  expect(again.hello()).toHaveLength(2);
});

test("an entry that an older agent kept may be known to the server", () => {
  open().accept(entry, (spool) => spool.add(accepted));
  const { serverMayKnow: _, ...older } = entry;
  writeFileSync(join(folder, "jobs", jobId, "job.json"), JSON.stringify(older));
  expect(open().hello()).toMatchObject([{ jobId }]);
});

test("a job whose verdict was lost with the memory it was in is settled by the next start", () => {
  const journal = open();
  const job = journal.accept({ ...entry, state: "running" }, (spool) => spool.add(accepted));
  journal.update(job, { state: "finished" });
  expect(open().unfinished()).toMatchObject([{ entry: { jobId, state: "running" } }]);
});

test("a job whose records cannot be read is said, and keeps no other from its start", () => {
  const journal = open();
  for (const one of [jobId, repositoryId]) journal.accept({ ...entry, jobId: one }, (spool) => spool.add(accepted));
  rmSync(join(folder, "jobs", jobId, "1.log"));
  mkdirSync(join(folder, "jobs", jobId, "1.log"));
  const said: (string | null)[] = [];
  const again = open((why) => said.push(why));
  expect(again.jobs().map((job) => job.entry.jobId)).toEqual([repositoryId]);
  expect(said.join()).toContain(`Job ${jobId} is left out`);
});

test("an agent that runs for months forgets old ids as it goes", () => {
  const journal = open();
  const finish = (one: string) => {
    const job = journal.accept({ ...entry, jobId: one }, (spool) => spool.add(finished));
    journal.finish(job);
    journal.acknowledge(one, 1);
  };
  finish(jobId);
  nowMs += 31 * 24 * 3600_000;
  finish(repositoryId);
  expect([jobId, repositoryId].map((one) => journal.knows(one))).toEqual([false, true]);
});
