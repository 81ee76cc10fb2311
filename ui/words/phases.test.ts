import { expect, test } from "vitest";
import { phaseSteps } from "./phases.ts";

const seen = [
  { phase: "prepare", atMs: 0 },
  { phase: "scan", atMs: 3_000 },
  { phase: "upload", atMs: 44_000 },
] as const;
const said = (job: Parameters<typeof phaseSteps>[0]) =>
  phaseSteps(job).map((s) => `${s.phase} ${s.state} ${s.note}`.trim());

test("a running backup shows what is done, what runs and what is to come", () => {
  expect(said({ kind: "backup", state: "running", seen, endMs: 704_000 })).toEqual([
    "prepare done 3 s",
    "scan done 41 s",
    "upload now 11 min so far",
    "list todo",
  ]);
});

test("the step a job failed in is marked and later ones are skipped", () => {
  expect(said({ kind: "backup", state: "failed", seen, endMs: 50_000 })).toEqual([
    "prepare done 3 s",
    "scan done 41 s",
    "upload failed failed",
    "list skipped skipped",
  ]);
});

test("creating the repository is a step of a backup only when it happened", () => {
  const created = [
    ...seen.slice(0, 1),
    { phase: "init", atMs: 1_000 },
    ...seen.slice(1),
  ] as typeof seen extends readonly (infer T)[] ? T[] : never;
  expect(said({ kind: "backup", state: "succeeded", seen: created, endMs: 50_000 })).toEqual([
    "prepare done 1 s",
    "init done 2 s",
    "scan done 41 s",
    "upload done 6 s",
    "list done",
  ]);
});

test("hooks and the wait for a lock are steps where they came, and a scan that comes twice is one", () => {
  const waited = [
    { phase: "prepare", atMs: 0 },
    { phase: "pre_hook", atMs: 1_000 },
    { phase: "scan", atMs: 6_000 },
    { phase: "lock", atMs: 8_000 },
    { phase: "scan", atMs: 68_000 },
  ] as const;
  expect(said({ kind: "backup", state: "running", seen: waited, endMs: 72_000 })).toEqual([
    "prepare done 1 s",
    "pre_hook done 5 s",
    "scan now 4 s so far",
    "lock done 1 min",
    "upload todo",
    "list todo",
  ]);
  expect(said({ kind: "backup", state: "failed", seen: waited.slice(0, 2), endMs: 9_000 })).toEqual([
    "prepare done 1 s",
    "pre_hook failed failed",
    "scan skipped skipped",
    "upload skipped skipped",
    "list skipped skipped",
  ]);
});
