import { expect, test } from "vitest";
import { toBase64url } from "../bytes.ts";
import { isUsableSignKey, makeSignPair, sign, verify } from "./sign.ts";

const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));

test("a signature holds for its message and key only", () => {
  const pair = makeSignPair(random);
  const signature = sign(pair.secretKey, "rm-hello-1\nhost\nnonce\n7");
  expect(verify(pair.publicKey, "rm-hello-1\nhost\nnonce\n7", signature)).toBe(true);
  expect(verify(pair.publicKey, "rm-hello-1\nhost\nnonce\n8", signature)).toBe(false);
  expect(verify(makeSignPair(random).publicKey, "rm-hello-1\nhost\nnonce\n7", signature)).toBe(false);
});

test("malformed keys and signatures are false, never an exception", () => {
  expect(verify("", "m", "")).toBe(false);
  expect(verify(toBase64url(random(32)), "m", toBase64url(random(64)))).toBe(false);
});

test("a small-order key verifies nothing", () => {
  const identity = new Uint8Array(32);
  identity[0] = 1;
  const signature = new Uint8Array(64);
  signature[0] = 1;
  expect(verify(toBase64url(identity), "anything", toBase64url(signature))).toBe(false);
});

test.each([
  ["all zeros, of order four", "A".repeat(43)],
  ["the neutral element", `AQ${"A".repeat(41)}`],
  ["y = p, which is zero in other bytes", "7f_______________________________________38"],
  ["31 bytes", "A".repeat(42)],
])("%s is no key that only one can sign with", (_what, key) => {
  expect(isUsableSignKey(key)).toBe(false);
});

test("a key made here is usable", () => {
  expect(isUsableSignKey(makeSignPair((size) => new Uint8Array(size).fill(7)).publicKey)).toBe(true);
});
