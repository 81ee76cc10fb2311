import { expect, test } from "vitest";
import type { JobSpec } from "../../protocol/wire.ts";
import { startable, waitingTwin, type QueuedWork } from "./queue.ts";

const repo = (n: number) => `0198c2f0-79b0-7000-8000-00000000000${n}`;
const backup = (repository: number, schedule: number): JobSpec => ({
  kind: "backup",
  repositoryId: repo(repository),
  scheduleId: repo(schedule),
  paths: ["/srv"],
  excludes: [],
  tags: [],
  createRepository: false,
  verbose: false,
  limits: {},
});
const work = (jobId: string, state: QueuedWork["state"], spec: JobSpec | null): QueuedWork => ({ jobId, state, spec });

test("one job at a time per repository, the oldest first, repositories side by side", () => {
  expect(
    startable([
      work("done", "finished", backup(1, 1)),
      work("running", "running", backup(1, 1)),
      work("behind it", "queued", backup(1, 2)),
      work("other", "queued", { kind: "snapshots", repositoryId: repo(2) }),
      work("behind other", "queued", { kind: "init", repositoryId: repo(2) }),
      work("cancelled before it came", "finished", null),
    ]),
  ).toEqual(["other"]);
});

test("a schedule waits once; while it runs, one more may wait", () => {
  expect(waitingTwin([work("a", "queued", backup(1, 5))], backup(1, 5))).toBe("a");
  expect(waitingTwin([work("a", "running", backup(1, 5))], backup(1, 5))).toBeNull();
  expect(waitingTwin([work("a", "queued", backup(1, 6))], backup(1, 5))).toBeNull();
  expect(waitingTwin([work("a", "queued", backup(1, 5))], { kind: "snapshots", repositoryId: repo(1) })).toBeNull();
  const check: JobSpec = {
    kind: "check",
    repositoryId: repo(1),
    scheduleId: repo(5),
    readData: { mode: "none" },
    limits: {},
  };
  expect(waitingTwin([work("a", "queued", backup(1, 5))], check)).toBeNull();
  expect(waitingTwin([work("a", "queued", check)], check)).toBe("a");
});

test("an unlock starts beside a running job, and nothing waits for it", () => {
  const unlock: JobSpec = { kind: "unlock", repositoryId: repo(1), removeAll: false };
  expect(
    startable([
      work("running", "running", backup(1, 1)),
      work("unlock", "queued", unlock),
      work("behind", "queued", backup(1, 2)),
      work("unlocking", "running", { ...unlock, repositoryId: repo(2) }),
      work("not behind", "queued", backup(2, 2)),
    ]),
  ).toEqual(["unlock", "not behind"]);
});
