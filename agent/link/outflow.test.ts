import { expect, test } from "vitest";
import { IN_FLIGHT_BYTES, MAX_FRAME_BYTES } from "../../protocol/limits.ts";
import { parseAgentFrame } from "../../protocol/wire.ts";
import { Outflow, type OutgoingJob } from "./outflow.ts";

const a = "0198c2f0-79b0-7000-8000-00000000000a";
const b = "0198c2f0-79b0-7000-8000-00000000000b";

/** A job of `tail` records of about `bytes` each, whose spool begins at `floor`. */
function job(jobId: string, tail: number, { bytes = 100, floor = 1, finished = false } = {}): OutgoingJob {
  return {
    jobId,
    finished,
    spool: {
      tail,
      read(from, limit) {
        const first = Math.max(from, floor);
        const count = Math.min(tail - first + 1, limit.records, Math.max(1, Math.floor(limit.bytes / bytes)));
        const record = JSON.stringify({
          type: "logged",
          atMs: 1,
          stream: "agent",
          text: "x".repeat(Math.max(0, bytes - 56)),
        });
        return { first, records: Array.from({ length: count }, () => record), bytes: count * bytes };
      },
    },
  };
}
function drain(outflow: Outflow, jobs: OutgoingJob[]) {
  const frames: { jobId: string; first: number; last: number; lost: boolean }[] = [];
  for (let frame = outflow.next(jobs); frame !== null; frame = outflow.next(jobs)) {
    expect(Buffer.byteLength(frame)).toBeLessThanOrEqual(MAX_FRAME_BYTES);
    const parsed = parseAgentFrame(frame);
    if (parsed.kind !== "message" || parsed.message.type !== "job.events") throw new Error(JSON.stringify(parsed));
    const { jobId, first, records, lost } = parsed.message;
    frames.push({ jobId, first, last: first + records.length - 1, lost: lost === true });
  }
  return frames;
}

test("sends from what the welcome acknowledged, once", () => {
  const outflow = new Outflow(() => 0);
  outflow.restart({ [a]: 4 });
  expect(drain(outflow, [job(a, 9)])).toEqual([{ jobId: a, first: 5, last: 9, lost: false }]);
  expect(drain(outflow, [job(a, 9)])).toEqual([]);
  expect(drain(outflow, [job(a, 11)])).toEqual([{ jobId: a, first: 10, last: 11, lost: false }]);
});

test("stops at 1 MiB on its way and goes on with the acknowledgements", () => {
  const outflow = new Outflow(() => 0);
  outflow.restart({});
  const big = job(a, 500, { bytes: 10_000 });
  const sent = drain(outflow, [big]).at(-1)!.last;
  expect(sent * 10_000).toBeGreaterThanOrEqual(IN_FLIGHT_BYTES);
  expect(sent * 10_000).toBeLessThan(IN_FLIGHT_BYTES + MAX_FRAME_BYTES);
  outflow.acknowledged(a, sent);
  expect(drain(outflow, [big])[0]?.first).toBe(sent + 1);
});

test("jobs take turns, finished ones first", () => {
  const outflow = new Outflow(() => 0);
  outflow.restart({});
  const order = drain(outflow, [job(a, 40, { bytes: 10_000 }), job(b, 40, { bytes: 10_000 })]).map(
    (frame) => frame.jobId,
  );
  expect(order.slice(0, 4)).toEqual([a, b, a, b]);
  outflow.restart({});
  expect(drain(outflow, [job(a, 3), job(b, 3, { finished: true })])[0]?.jobId).toBe(b);
});

test("says lost only when the spool begins after what is asked for", () => {
  const outflow = new Outflow(() => 0);
  outflow.restart({ [a]: 2 });
  expect(drain(outflow, [job(a, 9, { floor: 6 })])).toEqual([{ jobId: a, first: 6, last: 9, lost: true }]);
});

test("the wait for an acknowledgement is measured from the last one that moved", () => {
  let nowMs = 0;
  const outflow = new Outflow(() => nowMs);
  outflow.restart({});
  expect(outflow.stallInMs()).toBeNull();
  nowMs = 100_000;
  drain(outflow, [job(a, 3)]);
  expect(outflow.stallInMs()).toBe(30_000);
  nowMs += 20_000;
  outflow.acknowledged(a, 2);
  expect(outflow.stallInMs()).toBe(30_000);
  nowMs += 30_000;
  outflow.acknowledged(a, 2);
  expect(outflow.stallInMs()).toBe(0);
  outflow.acknowledged(a, 3);
  expect(outflow.stallInMs()).toBeNull();
});

test("after a frame that was too big, frames are half as big", () => {
  const outflow = new Outflow(() => 0);
  const size = () => {
    outflow.restart({});
    return drain(outflow, [job(a, 50, { bytes: 1000 })])[0]!.last;
  };
  const before = size();
  for (let i = 0; i < 3; i++) outflow.halveFrames();
  expect(size()).toBeLessThan(before / 2);
});
