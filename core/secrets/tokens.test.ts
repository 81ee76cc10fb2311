import { expect, test } from "vitest";
import type { Grant } from "../../protocol/stream.ts";
import { equalInConstantTime, hashToken, makeToken, readGrant, signGrant } from "./tokens.ts";

const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
const key = new Uint8Array(32).fill(3);
const grant: Grant = {
  userId: "017f22e2-79b0-7000-8000-000000000000",
  sessionHash: "abc",
  role: "viewer",
  expiresAtMs: 60_000,
};

test("a token says what it is for and is stored as SHA-256", () => {
  expect(makeToken("enrollment", random)).toMatch(/^rmt_[A-Za-z0-9_-]{43}$/);
  expect(hashToken("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});

test("a grant is read back until its time is over", () => {
  const text = signGrant(key, grant);
  expect(text).toMatch(/^[A-Za-z0-9_.-]+$/);
  expect(readGrant(key, text, 59_999)).toEqual(grant);
  expect(readGrant(key, text, 60_000)).toBeNull();
});

test("a grant under another key, or changed by one letter, is none", () => {
  const text = signGrant(key, grant);
  expect(readGrant(new Uint8Array(32), text, 0)).toBeNull();
  for (let i = 0; i < text.length; i++) {
    const other = text.slice(0, i) + (text[i] === "A" ? "B" : "A") + text.slice(i + 1);
    expect(readGrant(key, other, 0)).toBeNull();
  }
});

test("texts of any length compare without an exception", () => {
  expect(equalInConstantTime("", "")).toBe(true);
  expect(equalInConstantTime("a", "")).toBe(false);
  expect(equalInConstantTime("", "a")).toBe(false);
  expect(equalInConstantTime("abc", "abc")).toBe(true);
});
