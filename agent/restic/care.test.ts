import { expect, test } from "vitest";
import { isDeleteRefused } from "./failures.ts";
import { describeHolder, parseLock, parseLockIds } from "./locks.ts";
import { parseFreedBytes } from "./prune.ts";
import { parseStats } from "./stats.ts";
import { parseTextProgress } from "./text-progress.ts";

// Recorded from Debian's restic 0.14.0, 0.18.0 and 0.19.1.

test("what prune frees is read from its own words, and from no other line", () => {
  expect(parseFreedBytes("total prune:          21 blobs / 16.003 MiB")).toBe(Math.round(16.003 * 2 ** 20));
  expect(parseFreedBytes("total prune:           0 blobs / 0 B")).toBe(0);
  expect(parseFreedBytes("total prune:           9 blobs / 1.5 TiB")).toBe(1.5 * 2 ** 40);
  expect(parseFreedBytes("to delete:             3 blobs / 755 B")).toBeNull();
});

test("progress lines are told from words", () => {
  expect(parseTextProgress("[0:42] 25.00%  1 / 4 files deleted")).toEqual({ percent: 0.25, done: false });
  expect(parseTextProgress("[1:00:42] 100.00%  4 / 4 packs processed")).toEqual({ percent: 1, done: true });
  expect(parseTextProgress("[0:01] 17 snapshots")).toEqual({ percent: null, done: false });
  expect(parseTextProgress("searching used packs...")).toBeNull();
});

test("a refused delete is told by its line, and a lock that could not be removed is none", () => {
  const refused = [
    "Remove(<snapshot/96104ab91a>) returned error, retrying after 552.330144ms: blob not removed, server response: 403 Forbidden (403)",
    "Remove(<snapshot/3212d6c0e6>) failed: unexpected HTTP response (403): 403 Forbidden",
    "Remove(<index/c68015d606>) failed: unexpected HTTP response (403): 403 Forbidden",
    "Remove(<data/c68015d606>) returned error, retrying after 1s: client.RemoveObject: Access Denied.",
  ];
  expect(refused.map(isDeleteRefused)).toEqual([true, true, true, true]);
  expect(isDeleteRefused("Remove(<lock/c68015d606>) failed: 403 Forbidden")).toBe(false);
  expect(isDeleteRefused("Save(<data/c68015d606>) failed: 403 Forbidden")).toBe(false);
  for (const id of ["4030000000", "ab12cd3403", "ab12cd3401"])
    expect(isDeleteRefused(`Remove(<data/${id}>) returned error, retrying after 1s: 500 Server Error`)).toBe(false);
});

test("a lock says who holds it since when", () => {
  const id = "b".repeat(64);
  const lock = parseLock(
    id,
    '{\n  "time": "2026-11-23T12:50:17.56244006Z",\n  "exclusive": true,\n  "hostname": "host-a",\n  "username": "root",\n  "pid": 9054\n}',
  );
  expect(lock).toEqual({
    id,
    timeMs: Date.UTC(2026, 10, 23, 12, 50, 17, 562),
    exclusive: true,
    hostname: "host-a",
    username: "root",
    pid: 9054,
  });
  expect(describeHolder(lock!)).toBe("host-a, process 9054, since 2026-11-23 12:50:17 UTC");
  expect(parseLock(id, '{"time":"2026-11-23T13:50:17+01:00"}')).toMatchObject({
    exclusive: false,
    hostname: "",
    pid: 0,
  });
  expect(parseLock(id, '{"pid":1}')).toBeNull();
  expect(parseLock(id, "")).toBeNull();
  expect(parseLockIds(`${id}\n\nrepository 1234 opened\n`)).toEqual([id]);
});

test("stats hold what the version tells", () => {
  expect(parseStats('{"total_size":2011963,"total_file_count":0,"total_blob_count":49,"snapshots_count":20}')).toEqual({
    sizeBytes: 2011963,
    uncompressedBytes: null,
    snapshots: 20,
  });
  expect(
    parseStats('{"total_size":10,"total_uncompressed_size":20,"compression_ratio":2,"snapshots_count":1}\n'),
  ).toEqual({ sizeBytes: 10, uncompressedBytes: 20, snapshots: 1 });
  expect(parseStats('{"total_size":10}')).toBeNull();
  expect(parseStats("")).toBeNull();
});
