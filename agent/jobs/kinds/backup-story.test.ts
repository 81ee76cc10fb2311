import { expect, test } from "vitest";
import type { Progress } from "../../../protocol/wire.ts";
import type { BackupMessage } from "../../restic/backup.ts";
import { BackupStory, summaryLine } from "./backup-story.ts";

function setUp() {
  let nowMs = 100_000_000;
  const heard: string[] = [];
  const progress: Progress[] = [];
  const story = new BackupStory(
    {
      nowMs: () => nowMs,
      phase: (phase) => heard.push(`[${phase}]`),
      say: (_stream, text) => heard.push(text),
      progress: (one) => progress.push(one),
    },
    () => 2,
  );
  return { story, heard, progress, advance: (ms: number) => (nowMs += ms) };
}
const status = (more: Partial<Extract<BackupMessage, { kind: "status" }>>): BackupMessage => ({
  kind: "status",
  percent: 0.92,
  totalFiles: 10,
  files: 9,
  totalBytes: 1000,
  bytes: 920,
  errors: 0,
  currentFiles: ["/srv/\u001b[31ma"],
  secondsRemaining: 0,
  ...more,
});

test("a percentage is told only once the scan is done, for before it falls back", () => {
  const { story, heard, progress, advance } = setUp();
  story.hear(status({}));
  advance(1000);
  story.hear(status({ percent: 0.37, totalFiles: 25, totalBytes: 2500, secondsRemaining: 7 }));
  expect(progress).toEqual([
    { phase: "scan", bytes: 920, files: 9, errors: 2, currentFiles: ["/srv/a"] },
    {
      phase: "upload",
      percent: 0.37,
      bytes: 920,
      totalBytes: 2500,
      files: 9,
      totalFiles: 25,
      errors: 2,
      currentFiles: ["/srv/a"],
      etaMs: 7000,
    },
  ]);
  expect(heard).toEqual(["[scan]", "Repository opened", "[upload]", "Scan finished: 25 files, 2.4 KiB"]);
});

test("progress comes at most once a second, a line of it at most every ten", () => {
  const { story, heard, progress, advance } = setUp();
  story.hear({ kind: "scanned", totalFiles: 1_285_204, totalBytes: 4e12 });
  heard.length = 0;
  for (let i = 0; i < 100; i++) {
    story.hear(status({ percent: 0.58, files: 745_418, bytes: 2.5e12, secondsRemaining: 9 }));
    advance(250);
  }
  expect(progress).toHaveLength(25);
  expect(heard).toEqual(Array.from({ length: 2 }, () => "58 % done, 745,418 files, 2.3 TiB, 2 warnings"));
});

test("a clock that is set back by hours silences nothing", () => {
  const { story, heard, progress, advance } = setUp();
  story.hear(status({}));
  advance(-3 * 3600_000);
  story.hear(status({}));
  expect(progress).toHaveLength(2);
  expect(heard.at(-1)).toMatch(/^Scanning/);
});

test("a new or changed file is named on one line, whatever its name holds", () => {
  const { story, heard } = setUp();
  story.hear({ kind: "file", action: "new", path: "/srv/a\nnew /srv/forged", addedBytes: 44 });
  story.hear({ kind: "file", action: "modified", path: "/srv/b", addedBytes: 2_580_000 });
  expect(heard.slice(2)).toEqual(["new     /srv/a␊new /srv/forged (44 B added)", "changed /srv/b (2.5 MiB added)"]);
});

test("the summary is one line", () => {
  const summary = {
    filesNew: 1,
    filesChanged: 2,
    filesUnmodified: 3,
    totalFiles: 1,
    totalBytes: 2048,
    addedBytes: 10,
    durationMs: 185_000,
  };
  expect(summaryLine(summary)).toBe("1 file, 2.0 KiB read in 3 min 5 s: 1 new, 2 changed, 3 unmodified; 10 B added");
});
