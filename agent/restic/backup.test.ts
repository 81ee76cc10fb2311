import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { BackupSpec } from "../../protocol/wire.ts";
import { temporaryFolder } from "../../tests/support/folders.ts";
import { resticBinary, resticVersions } from "../../tests/support/restic.ts";
import { backupArgv, excludeFileText, parseBackupLine } from "./backup.ts";

const id = "0198c2f0-79b0-7000-8000-000000000000";
const spec: BackupSpec = {
  kind: "backup",
  repositoryId: id,
  scheduleId: id,
  paths: ["/srv"],
  excludes: [],
  tags: [],
  createRepository: false,
  verbose: false,
  limits: {},
};

test("bandwidth limits are restic's own, in KiB per second", () => {
  const argv = backupArgv(
    { ...spec, limits: { uploadKiBs: 2048, downloadKiBs: 1 } },
    { hostname: "web-1", excludeFile: null, shadowCopies: false },
  );
  expect(argv).toEqual(expect.arrayContaining(["--limit-upload=2048", "--limit-download=1"]));
});

test("a host that can make shadow copies reads from one, unless its schedule says no", () => {
  const flagged = (shadowCopies: boolean, fsSnapshot?: boolean) =>
    backupArgv(
      { ...spec, ...(fsSnapshot === undefined ? {} : { fsSnapshot }) },
      { hostname: "pc-1", excludeFile: null, shadowCopies },
    ).includes("--use-fs-snapshot");
  expect([flagged(true), flagged(true, true), flagged(true, false), flagged(false, true)]).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

test("nothing an operator types becomes an option", () => {
  const hostile = ["-o sftp.command=touch /tmp/x", "--password-command=touch /tmp/x", "--", "-"];
  const argv = backupArgv(
    { ...spec, paths: hostile, tags: hostile },
    { hostname: "--repo=/elsewhere", excludeFile: "--files-from=/etc/shadow", shadowCopies: false },
  );
  expect(argv).toEqual([
    "backup",
    "--json",
    "--host=--repo=/elsewhere",
    ...hostile.map((tag) => `--tag=${tag}`),
    `--tag=rm:schedule:${id}`,
    "--exclude-file=--files-from=/etc/shadow",
    "--",
    ...hostile,
  ]);
});

test.each(resticVersions)(
  "restic %s takes each exclude pattern as it was meant",
  (version) => {
    const folder = temporaryFolder("excludes");
    const source = join(folder, "source");
    mkdirSync(source);
    const names = ["$HOME", "#hash", "plain.tmp", "kept.txt", "-dash", "a b"];
    for (const name of names) writeFileSync(join(source, name), "x");
    writeFileSync(join(folder, "excludes"), excludeFileText(["$HOME", "#hash", "*.tmp", "-dash", "a b"]));
    const restic = (args: string[]) =>
      execFileSync(resticBinary(version), args, {
        encoding: "utf8",
        env: {
          RESTIC_REPOSITORY: join(folder, "repo"),
          RESTIC_PASSWORD: "x",
          HOME: "/root",
          RESTIC_CACHE_DIR: join(folder, "cache"),
        },
      });
    restic(["init"]);
    restic(
      backupArgv(
        { ...spec, paths: [source] },
        { hostname: "h", excludeFile: join(folder, "excludes"), shadowCopies: false },
      ),
    );
    const listed = restic(["ls", "latest"])
      .split("\n")
      .filter((line) => line.startsWith(`${source}/`));
    expect(listed).toEqual([join(source, "kept.txt")]);
  },
  60_000,
);

const parse = (line: string) => parseBackupLine(Buffer.from(line));

test("0.14 calls the end of the scan a status, later versions do not", () => {
  const end = '"action":"scan_finished","item":"","duration":0.205290763,"data_size":2061626,"total_files":13}';
  const scanned = { kind: "scanned", totalFiles: 13, totalBytes: 2_061_626 };
  expect(parse(`{"message_type":"status",${end}`)).toEqual(scanned);
  expect(parse(`{"message_type":"verbose_status",${end}`)).toEqual(scanned);
});

test("files that changed nothing and folders are nobody's news", () => {
  expect(parse('{"message_type":"verbose_status","action":"unchanged","item":"/srv/a","duration":0}')).toBeNull();
  expect(parse('{"message_type":"verbose_status","action":"new","item":"/srv/","data_size":0}')).toBeNull();
  expect(
    parse(
      '{"message_type":"verbose_status","action":"new","item":"/srv/new.txt","data_size":4,"data_size_in_repo":86}',
    ),
  ).toEqual({
    kind: "file",
    action: "new",
    path: "/srv/new.txt",
    addedBytes: 86,
  });
});

test("numbers that restic leaves out are zero", () => {
  expect(parse('{"message_type":"status","percent_done":0,"files_done":1}')).toEqual({
    kind: "status",
    percent: 0,
    totalFiles: 0,
    files: 1,
    totalBytes: 0,
    bytes: 0,
    errors: 0,
    currentFiles: [],
    secondsRemaining: 0,
  });
});

test("a summary of 0.14 has a short id, one of 0.18 the whole", () => {
  const counts =
    '"files_new":12,"files_changed":0,"files_unmodified":0,"data_added":2066202,"total_files_processed":12,"total_bytes_processed":2060622,"total_duration":0.230955068';
  const full = "bdb9e4a28688377222aa9ac7270a5c3caec9145d8117fffea8eef275f543eca1";
  const summary = {
    filesNew: 12,
    filesChanged: 0,
    filesUnmodified: 0,
    totalFiles: 12,
    totalBytes: 2_060_622,
    addedBytes: 2_066_202,
    durationMs: 231,
  };
  expect(parse(`{"message_type":"summary",${counts},"snapshot_id":"a7ec9c0d"}`)).toEqual({
    kind: "summary",
    summary,
    shortId: "a7ec9c0d",
  });
  expect(parse(`{"message_type":"summary",${counts},"data_added_packed":2003979,"snapshot_id":"${full}"}`)).toEqual({
    kind: "summary",
    summary: { ...summary, snapshotId: full, addedPackedBytes: 2_003_979 },
    shortId: full,
  });
});

test.each(["", "text", "null", "[]", '{"message_type":"status"', '{"message_type":7}'])("%j is no message", (line) => {
  expect(parse(line)).toBeNull();
});
