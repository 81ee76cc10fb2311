import { expect, test } from "vitest";
import { logLine } from "./log-text.ts";

const atMs = Date.UTC(2026, 0, 15, 12, 0, 0, 7);

test("a line says when, who and what", () => {
  expect(logLine({ type: "logged", atMs, stream: "restic", text: "new       /srv/a.bin" })).toBe(
    "2026-01-15T12:00:00.007Z restic new       /srv/a.bin",
  );
  expect(logLine({ type: "logged", atMs, stream: "agent", level: "warning", text: "cannot read /srv/b" })).toBe(
    "2026-01-15T12:00:00.007Z agent  warning: cannot read /srv/b",
  );
});

test("a line cannot forge another, nor speak to a terminal", () => {
  expect(logLine({ type: "logged", atMs, stream: "restic", text: "a\r\nb\u001b[2J\tc" })).toBe(
    "2026-01-15T12:00:00.007Z restic a\\x0d\\x0ab\\x1b[2J\tc",
  );
});

test("the verdict carries restic's own words", () => {
  const failure = { code: "repository.locked", message: "The repository is locked.", retry: true } as const;
  expect(logLine({ type: "finished", atMs, outcome: "failed", failure, lastError: "Fatal: locked by 1" })).toContain(
    "finished: failed; repository.locked; The repository is locked.; Fatal: locked by 1",
  );
});

test("missing lines are named", () => {
  expect(logLine({ type: "dropped", atMs, lines: 12 })).toContain("12 lines dropped");
});
