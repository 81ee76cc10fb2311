import { expect, test } from "vitest";
import { toBase64url } from "../bytes.ts";
import { isUsableSealKey, makeSealPair, openOnHost, sealToHost } from "./to-host.ts";

const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));

test("only the host a secret was sealed to opens it, and only in its context", () => {
  const host = makeSealPair(random);
  const other = makeSealPair(random);
  const envelope = sealToHost(host.publicKey, "host-1/repo-1/1", "hunter2", random);
  expect(JSON.stringify(envelope)).not.toContain("hunter2");
  expect(openOnHost(host.secretKey, "host-1/repo-1/1", envelope)).toBe("hunter2");
  expect(openOnHost(other.secretKey, "host-1/repo-1/1", envelope)).toBeNull();
  expect(openOnHost(host.secretKey, "host-1/repo-1/2", envelope)).toBeNull();
});

test("two seals of one secret share nothing", () => {
  const host = makeSealPair(random);
  const a = sealToHost(host.publicKey, "c", "hunter2", random);
  const b = sealToHost(host.publicKey, "c", "hunter2", random);
  expect(a.ephemeral).not.toBe(b.ephemeral);
  expect(a.ct).not.toBe(b.ct);
});

test("low-order and short keys cannot be sealed to", () => {
  const one = new Uint8Array(32);
  one[0] = 1;
  expect(isUsableSealKey(toBase64url(new Uint8Array(32)))).toBe(false);
  expect(isUsableSealKey(toBase64url(one))).toBe(false);
  expect(isUsableSealKey(toBase64url(random(31)))).toBe(false);
  expect(isUsableSealKey(makeSealPair(random).publicKey)).toBe(true);
});
