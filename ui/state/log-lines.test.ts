import { expect, test } from "vitest";
import type { JobRecord } from "../../protocol/wire.ts";
import { addLines, emptyLog, filteredLines, LOG_WINDOW_LINES, logLines } from "./log-lines.ts";

const logged = (text: string, level?: "warning" | "error"): JobRecord => ({
  type: "logged",
  atMs: 1,
  stream: "restic",
  text,
  ...(level ? { level } : {}),
});

test("lines keep their place in the stream, and what was dropped is said", () => {
  const lines = logLines(7, [
    { type: "started", atMs: 1 },
    logged("a\u001b[31mb"),
    { type: "dropped", atMs: 2, lines: 3 },
  ]);
  expect(lines.map((line) => [line.seq, line.text])).toEqual([
    [8, "ab"],
    [9, "3 lines were dropped here: the host's log space was full."],
  ]);
});

test("the window keeps the newest 5,000 lines, and warnings outlast them", () => {
  const log = emptyLog();
  addLines(log, logLines(1, [logged("early", "warning")]));
  for (let i = 0; i < 12; i++)
    addLines(
      log,
      logLines(
        2 + i * 1000,
        Array.from({ length: 1000 }, () => logged("x")),
      ),
    );
  expect(log.lines).toHaveLength(LOG_WINDOW_LINES);
  expect([log.total, log.totalWarnings]).toEqual([12_001, 1]);
  expect(filteredLines(log, { warningsOnly: true, find: "" }).map((line) => line.text)).toEqual(["early"]);
  expect(filteredLines(log, { warningsOnly: false, find: "early" })).toEqual([]);
});
