import { expect, test } from "vitest";
import { argon2idOnWorkers } from "../../worker/access/password-on-workers.ts";
import { PASSWORD_VECTORS } from "../../worker/access/password-vectors.ts";
import { createPasswordHasher } from "../../worker/access/password.ts";

test("workerd verifies every password vector, and what it hashes itself", async () => {
  const hasher = createPasswordHasher(argon2idOnWorkers, (count) => crypto.getRandomValues(new Uint8Array(count)));
  for (const { password, phc, matches } of PASSWORD_VECTORS) {
    expect({ phc, ...(await hasher.verify(password, phc)) }).toEqual({ phc, ok: true, value: matches });
  }
  const hashed = await hasher.hash("correct horse battery");
  if (!hashed.ok) throw new Error(hashed.failure.message);
  expect(await hasher.verify("correct horse battery", hashed.value)).toEqual({ ok: true, value: true });
});
