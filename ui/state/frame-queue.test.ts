import { beforeEach, expect, test, vi } from "vitest";
import { createFrameQueue, type FrameQueue } from "./frame-queue.ts";

interface Item {
  key: string;
  value: number;
}

let nowMs = 0;
let frames: (() => void)[] = [];
let timers: (() => void)[] = [];
let drawn: Item[][] = [];
let queue: FrameQueue<Item>;

beforeEach(() => {
  [nowMs, frames, timers, drawn] = [0, [], [], []];
  vi.stubGlobal("document", { hidden: false });
  vi.stubGlobal("performance", { now: () => nowMs });
  vi.stubGlobal("requestAnimationFrame", (run: () => void) => frames.push(run));
  vi.stubGlobal("window", { setTimeout: (run: () => void) => timers.push(run) });
  queue = createFrameQueue<Item>(
    ({ key }) => key,
    (items) => drawn.push(items),
  );
});

/** One frame that takes `tookMs` to work out and draw; false when none was booked. */
function frame(tookMs = 1): boolean {
  const due = frames.splice(0);
  for (const run of due) run();
  nowMs += tookMs;
  for (const run of timers.splice(0)) run();
  return due.length > 0;
}
const add = (count: number) => {
  for (let i = 0; i < count; i++) queue.add({ key: `host ${i}`, value: i }, false);
};

test("a burst is spread over frames, more in each while they are quick, half after a long one", () => {
  add(1000);
  for (let i = 0; i < 4; i++) frame();
  frame(40);
  frame();
  expect(drawn.map((items) => items.length)).toEqual([4, 6, 8, 10, 12, 6]);
  while (frame());
  expect(drawn.flat()).toHaveLength(1000);
});

test("what is replaced keeps its place, so that nothing starves, and what must follow comes last", () => {
  add(6);
  queue.add({ key: "host 0", value: 60 }, false);
  queue.add({ key: "host 1", value: 61 }, true);
  while (frame());
  expect(drawn.flat().map(({ key, value }) => `${key}: ${value}`)).toEqual([
    "host 0: 60",
    "host 2: 2",
    "host 3: 3",
    "host 4: 4",
    "host 5: 5",
    "host 1: 61",
  ]);
});

test("nothing is handed over while it is held", () => {
  queue.hold();
  add(2);
  expect(frame()).toBe(false);
  queue.release();
  frame();
  expect(drawn).toHaveLength(1);
});
