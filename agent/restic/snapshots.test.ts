import { expect, test } from "vitest";
import { listedRecords, parseSnapshots, snapshotsArgv } from "./snapshots.ts";
import type { Snapshot } from "../../protocol/wire.ts";

const repositoryId = "0198c2f0-79b0-7000-8000-000000000000";
const hex = (n: number) => n.toString(16).padStart(64, "0");

test("snapshots of 0.14 have no summary, those of 0.18 do; the oldest comes first", () => {
  const old = `{"time":"2026-11-23T12:43:21.36878661Z","tree":"${hex(1)}","paths":["/srv/data"],"hostname":"host-a","username":"root","tags":["daily","web"],"id":"${hex(2)}","short_id":"00000000"}`;
  const recent = `{"time":"2026-11-23T14:43:22.184901492+01:00","parent":"${hex(2)}","tree":"${hex(1)}","paths":["/srv/data"],"hostname":"host-a","program_version":"restic 0.18.0","summary":{"backup_start":"2026-11-23T12:45:25.551157259Z","backup_end":"2026-11-23T12:45:26.419816962Z","files_new":12,"data_added":5,"data_added_packed":4,"total_files_processed":12},"id":"${hex(3)}"}`;
  expect(parseSnapshots(`[${recent},${old}]\n`)).toEqual([
    {
      id: hex(2),
      timeMs: Date.UTC(2026, 10, 23, 12, 43, 21, 368),
      hostname: "host-a",
      username: "root",
      paths: ["/srv/data"],
      tags: ["daily", "web"],
    },
    {
      id: hex(3),
      timeMs: Date.UTC(2026, 10, 23, 13, 43, 22, 184),
      hostname: "host-a",
      paths: ["/srv/data"],
      tags: [],
      parent: hex(2),
      summary: {
        snapshotId: hex(3),
        filesNew: 12,
        filesChanged: 0,
        filesUnmodified: 0,
        totalFiles: 12,
        totalBytes: 0,
        addedBytes: 5,
        addedPackedBytes: 4,
        durationMs: 868,
      },
    },
  ]);
});

test("an empty repository lists nothing, and no document is no answer", () => {
  expect(parseSnapshots("[]\n")).toEqual([]);
  expect(parseSnapshots("null")).toEqual([]);
  expect(parseSnapshots("")).toBeNull();
  expect(parseSnapshots('[{"id":"short"},7]')).toEqual([]);
});

test("the ranges of a listing cover all time without a gap, and no moment is cut in two", () => {
  const snapshots: Snapshot[] = Array.from({ length: 2500 }, (_, i) => ({
    id: hex(i),
    timeMs: 1000 + Math.floor(i / 3),
    hostname: "h",
    paths: [],
    tags: [],
  }));
  const records = listedRecords(repositoryId, snapshots, 9000);
  expect(records[0]?.fromMs).toBe(0);
  expect(records.at(-1)?.toMs).toBe(9000);
  for (const [i, record] of records.entries()) {
    if (i > 0) expect(record.fromMs).toBe(records[i - 1]!.toMs + 1);
    expect(record.ids.length).toBeLessThanOrEqual(2000);
    for (const id of record.ids) {
      const { timeMs } = snapshots[Number.parseInt(id, 16)]!;
      expect(timeMs).toBeGreaterThanOrEqual(record.fromMs);
      expect(timeMs).toBeLessThanOrEqual(record.toMs);
    }
  }
  expect(records.flatMap((record) => record.ids)).toHaveLength(2500);
  expect(listedRecords(repositoryId, [], 9000)).toMatchObject([{ fromMs: 0, toMs: 9000, ids: [] }]);
});

test("ids follow --, so that none is an option", () => {
  expect(snapshotsArgv(["-x"]).slice(-2)).toEqual(["--", "-x"]);
});
