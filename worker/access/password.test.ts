import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { randomBytes } from "node:crypto";
import { argon2idAsync } from "@noble/hashes/argon2.js";
import setupWasm from "argon2id/lib/setup.js";
import { expect, test } from "vitest";
import { argon2idOnNode } from "../../selfhost/password.ts";
import { createPasswordHasher, type Argon2id } from "./password.ts";
import { PASSWORD_VECTORS } from "./password-vectors.ts";

const random = (count: number) => new Uint8Array(randomBytes(count));
const oracle: Argon2id = ({ password, salt, memoryKiB, passes, lanes, tagBytes }) =>
  argon2idAsync(password, salt, { m: memoryKiB, t: passes, p: lanes, dkLen: tagBytes });

/** The module Workers run, compiled here as workerd compiles it at deployment. */
const onWorkers: Argon2id = async ({ password, salt, memoryKiB, passes, lanes, tagBytes }) => {
  const module = new WebAssembly.Module(
    readFileSync(createRequire(import.meta.url).resolve("argon2id/dist/simd.wasm")),
  );
  const load = async (imports: WebAssembly.Imports) => ({
    module,
    instance: new WebAssembly.Instance(module, imports),
  });
  const compute = await setupWasm(load as never, load as never);
  return compute({ password, salt, memorySize: memoryKiB, passes, parallelism: lanes, tagLength: tagBytes });
};

test.each([
  ["hash-wasm", argon2idOnNode],
  ["argon2id", onWorkers],
  ["@noble/hashes", oracle],
])(
  "%s verifies every vector, so a database moves between runtimes",
  async (_name, argon2id) => {
    const hasher = createPasswordHasher(argon2id, random);
    for (const { password, phc, matches } of PASSWORD_VECTORS) {
      expect({ phc, ...(await hasher.verify(password, phc)) }).toEqual({ phc, ok: true, value: matches });
    }
  },
  60_000,
);

test("a new hash says its parameters, differs each time and opens only for its password, in either normal form", async () => {
  const hasher = createPasswordHasher(argon2idOnNode, random);
  const [first, second] = [await hasher.hash("p\u00e4ssword long"), await hasher.hash("p\u00e4ssword long")];
  if (!first.ok || !second.ok) throw new Error("refused");
  expect(first.value).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  expect(first.value).not.toBe(second.value);
  expect(await hasher.verify("pa\u0308ssword long", first.value)).toEqual({ ok: true, value: true });
  expect(await hasher.verify("password long", first.value)).toEqual({ ok: true, value: false });
});

test("no user, a PHC string that is none and one that asks for too much are false after one ordinary hash", async () => {
  const asked: number[] = [];
  const hasher = createPasswordHasher(async ({ memoryKiB, tagBytes }) => {
    asked.push(memoryKiB);
    return new Uint8Array(tagBytes);
  }, random);
  const salted = "c2FsdHNhbHRzYWx0c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
  for (const phc of [
    null,
    "",
    "$2b$10$abcdefghijklmnopqrstuv",
    `$argon2id$v=19$m=4194304,t=2,p=1$${salted}`,
    `$argon2id$v=19$m=19456,t=99,p=1$${salted}`,
    `$argon2id$v=16$m=19456,t=2,p=1$${salted}`,
  ]) {
    expect(await hasher.verify("some password", phc)).toEqual({ ok: true, value: false });
  }
  expect(asked).toEqual(Array<number>(6).fill(19_456));
});

test("hashes run one at a time, and beyond the queue the server says it is busy", async () => {
  let running = 0;
  let most = 0;
  const hasher = createPasswordHasher(async ({ tagBytes }) => {
    most = Math.max(most, ++running);
    await Promise.resolve();
    running--;
    return new Uint8Array(tagBytes);
  }, random);
  const answers = await Promise.all(Array.from({ length: 40 }, () => hasher.verify("some password", null)));
  expect(most).toBe(1);
  expect(answers.filter((answer) => answer.ok)).toHaveLength(16);
  expect(answers.find((answer) => !answer.ok)).toMatchObject({ failure: { code: "server.unavailable", retry: true } });
  expect(await hasher.verify("some password", null)).toEqual({ ok: true, value: false });
});
