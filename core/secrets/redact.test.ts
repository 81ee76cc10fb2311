import { expect, test } from "vitest";
import { redact, redactText } from "./redact.ts";

test("our tokens, URL user parts and credential headers leave no trace in text", () => {
  const text = redactText(
    "rmt_0123456789abcdefghij rest:https://me:hunter2@nas.test/x Authorization: Bearer abc.def-123456 Basic bWU6aHVudGVyMg==",
  );
  expect(text).toBe(
    "rmt_[redacted] rest:https://[redacted]@nas.test/x Authorization: Bearer [redacted] Basic [redacted]",
  );
});

test("fields whose name says secret go at any depth; flags about them stay", () => {
  expect(
    redact({
      password: "a",
      env: { AWS_SECRET_ACCESS_KEY: "b", RESTIC_REST_PASSWORD: "c" },
      headers: [{ cookie: "d", Authorization: "e" }],
      hasPassword: true,
      name: "web-1",
    }),
  ).toEqual({
    password: "[redacted]",
    env: { AWS_SECRET_ACCESS_KEY: "[redacted]", RESTIC_REST_PASSWORD: "[redacted]" },
    headers: [{ cookie: "[redacted]", Authorization: "[redacted]" }],
    hasPassword: true,
    name: "web-1",
  });
});

test("an error keeps its stack and causes; a failed query loses what was bound", () => {
  const query = Object.assign(new Error("Failed query: insert … params: s3cret"), {
    query: "insert into t values (?)",
    params: ["s3cret"],
    cause: new Error("disk full"),
  });
  const text = redact(query) as string;
  expect(text).toContain("insert into t values (?)");
  expect(text).toContain("disk full");
  expect(text).not.toContain("s3cret");
});

test("deep or circular values do not hang the log", () => {
  const loop: Record<string, unknown> = {};
  loop["self"] = loop;
  expect(JSON.stringify(redact(loop))).toContain("[deep]");
});
