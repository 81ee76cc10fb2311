import { expect, test } from "vitest";
import type { JobRecord } from "../../protocol/wire.ts";
import { addLines, emptyLog, filteredLines, LOG_WINDOW_LINES, logLines, type LogPart } from "./log-lines.ts";

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

test("the window keeps the newest 5,000 lines, and warnings and hooks outlast them", () => {
  const log = emptyLog();
  addLines(log, logLines(1, [logged("early", "warning"), { type: "logged", atMs: 1, stream: "hook", text: "dumped" }]));
  for (let i = 0; i < 12; i++)
    addLines(
      log,
      logLines(
        3 + i * 1000,
        Array.from({ length: 1000 }, () => logged("x")),
      ),
    );
  expect(log.all.lines).toHaveLength(LOG_WINDOW_LINES);
  expect([log.all.total, log.warnings.total, log.hooks.total]).toEqual([12_002, 1, 1]);
  const shown = (part: LogPart, find = "") => filteredLines(log, { part, find }).map((line) => line.text);
  expect(shown("warnings")).toEqual(["early"]);
  expect(shown("hooks")).toEqual(["dumped"]);
  expect(shown("all", "early")).toEqual([]);
});
