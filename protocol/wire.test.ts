import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_FRAME_BYTES } from "./limits.ts";
import {
  encodeAgentMessage,
  encodeServerMessage,
  parseAgentFrame,
  parseServerFrame,
  utf8Length,
  type AgentMessage,
} from "./wire.ts";

const jobId = "017f22e2-79b0-7000-8000-000000000000";

test("what one side encodes, the other parses to the same value", () => {
  const events: AgentMessage = {
    type: "job.events",
    jobId,
    first: 1,
    records: [
      { type: "accepted", atMs: 1, kind: "backup", source: "asked" },
      { type: "logged", atMs: 2, stream: "restic", level: "warning", text: "naïve \u001b[31m line" },
      {
        type: "finished",
        atMs: 3,
        outcome: "failed",
        failure: { code: "repository.locked", message: "locked", retry: true },
      },
    ],
  };
  expect(parseAgentFrame(encodeAgentMessage(events))).toEqual({ kind: "message", message: events });
  const ack = { type: "ack", jobId, seq: 3 } as const;
  expect(parseServerFrame(encodeServerMessage(ack))).toEqual({ kind: "message", message: ack });
});

test("an unknown type is a value of its own, with the job it speaks of", () => {
  expect(parseServerFrame(JSON.stringify({ type: "job.explode", jobId }))).toEqual({
    kind: "unknown",
    type: "job.explode",
    jobId,
  });
  expect(parseAgentFrame('{"type":"weather"}')).toEqual({ kind: "unknown", type: "weather" });
});

test("a hello of another protocol version is told apart from a malformed one", () => {
  for (const protocol of [0, -1, 2, 2 ** 53, "1", null]) {
    expect(parseAgentFrame(JSON.stringify({ type: "hello", protocol }))).toEqual({ kind: "hello-mismatch", protocol });
  }
  expect(parseAgentFrame('{"type":"hello"}').kind).toBe("hello-mismatch");
  expect(parseAgentFrame('{"type":"hello","protocol":1}').kind).toBe("malformed");
});

test("a hello whose policy this server does not understand is taken without it", () => {
  const about = { agentVersion: "9.0.0", resticVersion: "", os: "linux", arch: "x64", hostname: "web-1" };
  const versions = { join: 0, scheduleVersion: 0, configVersion: 0, timeMs: 1 };
  const signature = "A".repeat(86);
  const hello = { type: "hello", protocol: 1, ...about, ...versions, signature, machineFacts: {}, jobs: [] };
  for (const policy of [{ allowHooks: "signed" }, "strict", null])
    expect(parseAgentFrame(JSON.stringify({ ...hello, policy }))).toEqual({ kind: "message", message: hello });
});

test("a frame over 256 KiB is refused before it is parsed, counted in UTF-8", () => {
  const text = (length: number, char: string) => `{"type":"joined","join":1,"pad":"${char.repeat(length)}"}`;
  expect(parseAgentFrame(text(MAX_FRAME_BYTES, "a")).kind).toBe("too-big");
  expect(parseAgentFrame(text(MAX_FRAME_BYTES / 3, "€")).kind).toBe("too-big");
  expect(parseAgentFrame(text(MAX_FRAME_BYTES / 3 - 100, "€")).kind).toBe("message");
});

test("the counted length is the encoded length for every text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      expect(utf8Length(text)).toBe(Buffer.byteLength(text));
    }),
  );
});

test("no text makes the parser throw, and no bad field gets through", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => parseAgentFrame(text).kind !== "message"));
  const bad = [
    { type: "job.events", jobId: "x", first: 1, records: [] },
    { type: "job.events", jobId, first: 0, records: [{ type: "started", atMs: 1 }] },
    { type: "job.events", jobId, first: 1.5, records: [{ type: "started", atMs: 1 }] },
    { type: "job.progressed", jobId, progress: { phase: "upload", percent: 9, bytes: 1, files: 1 } },
    { type: "job.progressed", jobId, progress: { phase: "upload", percent: 0.5, bytes: -1, files: 1 } },
    { type: "joined", join: 2 ** 53 },
  ];
  for (const message of bad) expect(parseAgentFrame(JSON.stringify(message)).kind).toBe("malformed");
});

test("__proto__ in a frame reaches no object", () => {
  parseAgentFrame(`{"type":"joined","join":1,"__proto__":{"role":"admin"}}`);
  expect(({} as Record<string, unknown>)["role"]).toBeUndefined();
});
